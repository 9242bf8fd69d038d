//! A process under test: started, watched until it is ready, stopped, killed, started again.

use std::{
    env,
    ffi::OsString,
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tempfile::TempDir;

use crate::{Fault, fault, http::Http, waiting};

/// How long a process may take until its readiness address answers.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a process may take to end after SIGTERM, before SIGKILL.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// The same when the test is over and nobody looks at how it ends.
const DROP_LIMIT: Duration = Duration::from_secs(5);
/// How much of the output is shown, in bytes.
const SHOWN: usize = 16_384;
/// What a process gets of the environment of the tests. The rest could change what is tested.
const INHERITED: [&str; 6] = ["PATH", "HOME", "TMPDIR", "LANG", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"];

/// What to start, and how.
#[derive(Debug, Clone)]
pub struct Program {
    name: String,
    path: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    ready_when: Option<String>,
}

impl Program {
    /// The program at `path`, without arguments; `name` is for messages and the name of its log.
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { name: name.into(), path: path.into(), arguments: Vec::new(), environment: Vec::new(), ready_when: None }
    }

    /// Adds one argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds one variable of the environment.
    #[must_use]
    pub fn environment(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// It is ready when a GET of this address is answered with 2xx. Without one, as soon as it runs.
    #[must_use]
    pub fn ready_when(mut self, address: impl Into<String>) -> Self {
        self.ready_when = Some(address.into());
        self
    }

    /// Starts it, in a temporary folder of its own, and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started, ends before it is ready, or is not ready within 30 s.
    pub async fn start(self) -> Result<Process, Fault> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("gloed-{}-", self.name))
            .tempdir()
            .map_err(Fault::system("making a temporary folder"))?;
        let mut process = Process { program: self, folder: Some(folder), child: None };
        process.launch().await?;
        Ok(process)
    }
}

/// A running (or stopped) process with its folder and output. Dropping it stops it; when the test is failing, what it
/// wrote is shown and its folder is kept.
#[derive(Debug)]
pub struct Process {
    program: Program,
    // Taken only by `drop`, to keep the folder of a failing test.
    folder: Option<TempDir>,
    child: Option<Child>,
}

impl Process {
    /// The process id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Its working folder: temporary, and kept over restarts.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.as_ref().map_or(Path::new("."), TempDir::path)
    }

    /// Everything it wrote to standard output and standard error so far, over all its starts.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read(self.log()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Asks it to end (SIGTERM), waits, and after 20 s kills it.
    ///
    /// # Errors
    /// [`Fault::Deadline`] when it had to be killed.
    pub async fn stop(&mut self) -> Result<Option<ExitStatus>, Fault> {
        let Some(child) = self.child.take() else { return Ok(None) };
        let name = self.program.name.clone();
        let (in_time, status) = off_thread(move || end(child, Signal::TERM, STOP_LIMIT)).await?;
        if in_time {
            Ok(status)
        } else {
            let last = "still running, killed".to_owned();
            Err(Fault::Deadline { what: format!("{name} to end after SIGTERM"), limit: STOP_LIMIT, last })
        }
    }

    /// Kills it at once (SIGKILL), as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn kill_9(&mut self) -> Result<(), Fault> {
        if let Some(child) = self.child.take() {
            off_thread(move || end(child, Signal::KILL, STOP_LIMIT)).await?;
        }
        Ok(())
    }

    /// Starts the same program again in the same folder, after stopping it if it runs, and waits until it is ready.
    ///
    /// # Errors
    /// As [`Program::start`] and [`Process::stop`].
    pub async fn restart(&mut self) -> Result<(), Fault> {
        self.stop().await?;
        self.launch().await
    }

    /// Sends a signal, such as [`Signal::STOP`] for a process that hangs.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&self, signal: Signal) -> Result<(), Fault> {
        let child = self.child.as_ref().ok_or_else(|| io::Error::other("it does not run"));
        child
            .and_then(|child| send(child, signal))
            .map_err(Fault::system(format!("sending a signal to {}", self.program.name)))
    }

    /// Processor time used so far by all its threads, user and system. `None` where the system does not tell.
    #[must_use]
    pub fn processor_time(&self) -> Option<Duration> {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", self.id()?)).ok()?;
        // The name, in parentheses, may hold spaces: fields are counted from its end. utime and stime are 14 and 15.
        let fields: Vec<&str> = status.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        // Linux shows these in units of 10 ms on every architecture that it supports (USER_HZ).
        Some(Duration::from_millis(ticks * 10))
    }

    /// Bytes of memory that it holds now (resident set). `None` where the system does not tell.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
    }

    fn log(&self) -> PathBuf {
        self.folder().join(format!("{}.log", self.program.name))
    }

    async fn launch(&mut self) -> Result<(), Fault> {
        let starting = || format!("starting {} ({})", self.program.name, self.program.path.display());
        let log: File =
            OpenOptions::new().create(true).append(true).open(self.log()).map_err(Fault::system(starting()))?;
        let errors = log.try_clone().map_err(Fault::system(starting()))?;
        let child = Command::new(&self.program.path)
            .args(&self.program.arguments)
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| Some((name, env::var_os(name)?))))
            .envs(self.program.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(Fault::system(starting()))?;
        self.child = Some(child);
        let Some(address) = self.program.ready_when.clone() else { return Ok(()) };
        let http = Http::new();
        let what = format!("{} ready at {address}", self.program.name);
        // The outer result is the deadline's, the inner one is an early end, which no waiting mends.
        waiting::until(&what, START_LIMIT, async || {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                let output = fault::tail(&self.output(), SHOWN).to_owned();
                return Ok(Err(Fault::Ended {
                    program: self.program.name.clone(),
                    status: status.to_string(),
                    output,
                }));
            }
            match http.get(&address).await {
                Ok(answer) if answer.status.is_success() => Ok(Ok(())),
                Ok(answer) => Err(format!("{} {}", answer.status, answer.text())),
                Err(fault) => Err(fault.to_string()),
            }
        })
        .await?
    }

    #[expect(clippy::print_stderr, reason = "a failing test shows what its processes wrote")]
    fn show(&mut self) {
        let output = self.output();
        eprintln!("---- {} wrote ----\n{}", self.program.name, fault::tail(&output, SHOWN));
        if let Some(folder) = self.folder.take() {
            eprintln!("---- its folder is kept: {} ----", folder.keep().display());
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            // Nobody is left to be told; the test's own result stands.
            drop(end(child, Signal::TERM, DROP_LIMIT));
        }
        if thread::panicking() {
            self.show();
        }
    }
}

/// Sends `signal`, waits for the end at most for `limit`, then kills. Says whether it ended in time, and how.
fn end(mut child: Child, signal: Signal, limit: Duration) -> io::Result<(bool, Option<ExitStatus>)> {
    // One that has ended already is a zombie until it is waited for, so its id is still its own.
    send(&child, signal)?;
    let in_time = ended_within(&child, limit);
    if !in_time {
        child.kill()?;
    }
    Ok((in_time, Some(child.wait()?)))
}

/// Waits for the end of `child` without collecting its status: the id stays its own until its owner does.
fn ended_within(child: &Child, limit: Duration) -> bool {
    let Some(id) = process_id(child) else { return false };
    let (ended, wait) = mpsc::channel();
    thread::spawn(move || {
        if waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).is_ok() {
            // Nothing is lost when the receiver has given up.
            ended.send(()).ok();
        }
    });
    wait.recv_timeout(limit).is_ok()
}

fn send(child: &Child, signal: Signal) -> io::Result<()> {
    let id = process_id(child).ok_or_else(|| io::Error::other("a process id of zero"))?;
    Ok(kill_process(id, signal)?)
}

fn process_id(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()).ok()?)
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)
        .and_then(|result| result)
        .map_err(Fault::system("ending a process"))
}
