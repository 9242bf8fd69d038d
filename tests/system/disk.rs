//! Looking for bytes in every file below a folder.

use std::{fs, path::Path};

/// The files, from `folder`, that hold these bytes.
pub(crate) fn find(folder: &Path, bytes: impl AsRef<[u8]>) -> Vec<String> {
    let mut found = Vec::new();
    search(folder, folder, bytes.as_ref(), &mut found);
    found.sort();
    found
}

/// The files that hold this number in a form that a record may have: text, big or little endian, or postcard's variable
/// length of the zigzag form.
pub(crate) fn find_number(folder: &Path, number: i64) -> Vec<String> {
    let mut variable = Vec::new();
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while rest >= 0x80 {
        variable.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    variable.push(rest as u8);
    let forms =
        [number.to_string().into_bytes(), number.to_be_bytes().to_vec(), number.to_le_bytes().to_vec(), variable];
    forms.iter().flat_map(|form| find(folder, form)).collect()
}

fn search(root: &Path, folder: &Path, bytes: &[u8], found: &mut Vec<String>) {
    // What is deleted while we look is gone, and that is as good as not found.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            search(root, &path, bytes, found);
        } else if fs::read(&path).is_ok_and(|content| memchr::memmem::find(&content, bytes).is_some()) {
            found.push(path.strip_prefix(root).unwrap_or(&path).display().to_string());
        }
    }
}

#[test]
fn bytes_and_numbers_are_found_in_files_below_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("deep")).unwrap();
    // 300 as zigzag is 600, in seven-bit groups 0xd8 0x04.
    fs::write(folder.path().join("deep/file"), b"..needle..\xd8\x04..").unwrap();

    assert_eq!(find(folder.path(), "needle"), ["deep/file"]);
    assert_eq!(find(folder.path(), "nadel"), Vec::<String>::new());
    assert_eq!(find_number(folder.path(), 300), ["deep/file"]);
    assert_eq!(find_number(folder.path(), 301), Vec::<String>::new());
}
