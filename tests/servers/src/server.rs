//! One server: started, killed, suspended, started again.

use std::{
    fs::{self, File, OpenOptions},
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{Connection, Fault, Program, Reply, Settings, ports};

/// How long a server may take until it answers, loading what it kept included.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a server may take to end after SIGTERM, before SIGKILL.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(10);
/// How much of the output is shown, in bytes.
const SHOWN: usize = 8_192;
/// How many ports are tried for a new server.
const ATTEMPTS: usize = 5;

/// A running (or stopped) server with its port and its folder. Dropping it stops it and removes the folder; when the
/// test is failing, what it wrote is shown.
#[derive(Debug)]
pub struct Server {
    program: Program,
    port: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl Server {
    /// Starts a server on a free port, in a temporary folder of its own, and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started, ends before it answers, or does not answer within 30 s.
    pub fn start(settings: &Settings) -> Result<Self, Fault> {
        let mut attempt = 1;
        loop {
            match Self::found(settings, ports::free_port()?) {
                // Another process was quicker; there are enough ports.
                Err(Fault::Ended { output, .. }) if attempt < ATTEMPTS && output.contains("already in use") => {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn found(settings: &Settings, port: u16) -> Result<Self, Fault> {
        let making = || Fault::system("making the folder of a server");
        let folder = tempfile::Builder::new().prefix("gloed-redis-").tempdir().map_err(making())?;
        let place = folder.path().display();
        let text = format!("port {port}\ndir \"{place}\"\n{}", settings.text());
        fs::write(folder.path().join("redis.conf"), text).map_err(making())?;
        if !settings.users.is_empty() {
            fs::write(folder.path().join("users.acl"), settings.users_text()).map_err(making())?;
        }
        let mut server = Self { program: settings.program.clone(), port, folder, child: None };
        server.launch()?;
        Ok(server)
    }

    /// The port it listens on, on 127.0.0.1; the same after a restart.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Its address for clients, as the default user.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its address for clients, as this user.
    #[must_use]
    pub fn url_of(&self, user: &str, password: &str) -> String {
        format!("redis://{user}:{password}@127.0.0.1:{}", self.port)
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Its working folder: temporary, and kept over restarts. What it keeps is in there.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Everything it wrote so far, over all its starts.
    #[must_use]
    pub fn output(&self) -> String {
        fs::read(self.log()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// A new connection, as the default user.
    ///
    /// # Errors
    /// When it does not run.
    pub fn connect(&self) -> Result<Connection, Fault> {
        Connection::open(self.address())
    }

    /// One command on a new connection, as the default user.
    ///
    /// # Errors
    /// When it does not run, and [`Fault::Refused`] when it answers with an error.
    pub fn ask(&self, command: &[impl AsRef<[u8]>]) -> Result<Reply, Fault> {
        self.connect()?.ask(command)
    }

    /// The value of one field of `INFO`, such as `aof_pending_bio_fsync`; empty when there is none.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn info(&self, field: &str) -> Result<String, Fault> {
        let reply = self.ask(&["INFO", "everything"])?;
        let value = |line: &str| line.strip_prefix(field).and_then(|rest| rest.strip_prefix(':')).map(str::to_owned);
        Ok(reply.text().lines().find_map(value).unwrap_or_default())
    }

    /// Kills it at once (SIGKILL) and waits until it is gone. What the system has of its files stays, as after any end
    /// of a process; what it had in memory is lost.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill_9(&mut self) -> Result<(), Fault> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill().and_then(|()| child.wait()).map(drop).map_err(Fault::system("killing a server"))
    }

    /// Asks it to end (SIGTERM) and waits; it saves what its settings say. After 10 s it is killed.
    ///
    /// # Errors
    /// [`Fault::Deadline`] when it had to be killed.
    pub fn stop(&mut self) -> Result<(), Fault> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        // One that is suspended would not see the other signal.
        for signal in [Signal::CONT, Signal::TERM] {
            send(&child, signal)?;
        }
        let begun = Instant::now();
        while begun.elapsed() < STOP_LIMIT {
            if child.try_wait().map_err(Fault::system("waiting for the end of a server"))?.is_some() {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        child.kill().and_then(|()| child.wait()).map_err(Fault::system("killing a server"))?;
        Err(Fault::Deadline {
            what: "a server to end after SIGTERM".to_owned(),
            limit: STOP_LIMIT,
            last: "still running, killed".to_owned(),
        })
    }

    /// Starts it again, on the same port and in the same folder, after stopping it if it runs, and waits until it
    /// answers.
    ///
    /// # Errors
    /// As [`start`](Self::start) and [`stop`](Self::stop).
    pub fn restart(&mut self) -> Result<(), Fault> {
        self.stop()?;
        self.launch()
    }

    /// Starts it again as [`restart`](Self::restart) does, with nothing of what it kept.
    ///
    /// # Errors
    /// As [`restart`](Self::restart).
    pub fn restart_empty(&mut self) -> Result<(), Fault> {
        self.stop()?;
        let removing = || Fault::system("removing what a server kept");
        for entry in fs::read_dir(self.folder()).map_err(removing())? {
            let path = entry.map_err(removing())?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                fs::remove_dir_all(&path).map_err(removing())?;
            } else if !["redis.conf", "users.acl", "server.log"].contains(&name) {
                fs::remove_file(&path).map_err(removing())?;
            }
        }
        self.launch()
    }

    /// Makes it hang (SIGSTOP): connections are accepted by the system and nothing is answered.
    ///
    /// # Errors
    /// When it does not run.
    pub fn suspend(&self) -> Result<(), Fault> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on after [`suspend`](Self::suspend) (SIGCONT).
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&self) -> Result<(), Fault> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), Fault> {
        match &self.child {
            Some(child) => send(child, signal),
            None => Err(Fault::system("sending a signal to a server")(io::Error::other("it does not run"))),
        }
    }

    fn log(&self) -> PathBuf {
        self.folder().join("server.log")
    }

    fn launch(&mut self) -> Result<(), Fault> {
        let starting = || Fault::system(format!("starting {}", self.program.path().display()));
        let log: File = OpenOptions::new().create(true).append(true).open(self.log()).map_err(starting())?;
        let errors = log.try_clone().map_err(starting())?;
        let child = Command::new(self.program.path())
            .arg("redis.conf")
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(starting())?;
        let child = self.child.insert(child);
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().map_err(Fault::system("waiting for a server"))? {
                self.child = None;
                return Err(Fault::Ended { status: status.to_string(), output: tail(&self.output()) });
            }
            // While it loads what it kept, it answers with an error.
            let last = match Connection::open((Ipv4Addr::LOCALHOST, self.port).into())
                .and_then(|mut connection| connection.ask(&["PING"]))
            {
                Ok(_) => return Ok(()),
                Err(fault) => fault.to_string(),
            };
            if begun.elapsed() > START_LIMIT {
                return Err(Fault::Deadline { what: "a server to answer".to_owned(), limit: START_LIMIT, last });
            }
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for Server {
    #[expect(clippy::print_stderr, reason = "a failing test shows what its servers wrote")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("---- the server on port {} wrote ----\n{}", self.port, tail(&self.output()));
        }
        // Nobody looks at how it ends, and its folder goes with it. There is nobody left to be told of a failure.
        drop(self.kill_9());
    }
}

fn send(child: &Child, signal: Signal) -> Result<(), Fault> {
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let id = id.ok_or_else(|| io::Error::other("a process id of zero"));
    id.and_then(|id| Ok(kill_process(id, signal)?)).map_err(Fault::system("sending a signal to a server"))
}

/// The end of what a server wrote.
fn tail(output: &str) -> String {
    let cut = output.ceil_char_boundary(output.len().saturating_sub(SHOWN));
    output.get(cut..).unwrap_or_default().to_owned()
}
