//! Tables for people: columns as wide as they must be, numbers to the right.

/// Lines of a table. Columns whose cells all begin with a digit or a sign stand to the right.
pub(super) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let cell = |row: &[String], column: usize| row.get(column).map_or("", String::as_str).to_owned();
    let columns: Vec<(usize, bool)> = heading
        .iter()
        .enumerate()
        .map(|(column, name)| {
            let widest = rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0);
            let number = |text: String| text.starts_with(|first: char| first.is_ascii_digit() || "+-–".contains(first));
            let numbers = !rows.is_empty() && rows.iter().all(|row| number(cell(row, column)));
            (widest.max(name.chars().count()), numbers)
        })
        .collect();
    let line = |cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<String> = columns
            .iter()
            .zip(cells)
            .map(|((width, right), text)| if *right { format!("{text:>width$}") } else { format!("{text:<width$}") })
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut heading.iter().map(|name| (*name).to_owned()))];
    lines.extend(rows.iter().map(|row| line(&mut (0..columns.len()).map(|column| cell(row, column)))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be_and_numbers_stand_to_the_right() {
        let rows = [vec!["warm".to_owned(), "7".to_owned()], vec!["heel heet".to_owned(), "120".to_owned()]];
        assert_eq!(table(&["stage", "leads"], &rows), "stage      leads\nwarm           7\nheel heet    120");
    }
}
