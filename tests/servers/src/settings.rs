//! How a server is set up.

use crate::Program;

/// What a server keeps on its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Persistence {
    /// Nothing.
    #[default]
    None,
    /// An append-only file, synced every second (`appendfsync everysec`).
    AppendEverySecond,
    /// An append-only file, synced before each answer (`appendfsync always`).
    AppendAlways,
    /// Snapshots, as a distribution's configuration takes them: after an hour, five minutes or one minute, by how much
    /// has changed.
    Snapshots,
}

impl Persistence {
    fn lines(self) -> &'static str {
        match self {
            Self::None => "save \"\"\nappendonly no\n",
            Self::AppendEverySecond => "save \"\"\nappendonly yes\nappendfsync everysec\n",
            Self::AppendAlways => "save \"\"\nappendonly yes\nappendfsync always\n",
            Self::Snapshots => "save 3600 1 300 100 60 10000\nappendonly no\n",
        }
    }
}

/// How a server is set up: an unchanged one keeps nothing, evicts nothing, has no limit of memory and no users but the
/// default one, which may do everything.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) program: Program,
    persistence: Persistence,
    lines: Vec<String>,
    pub(crate) users: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl Settings {
    /// Settings of a server that keeps nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            program: Program::from_environment(),
            persistence: Persistence::None,
            lines: Vec::new(),
            users: Vec::new(),
        }
    }

    /// Runs another program.
    #[must_use]
    pub fn program(mut self, program: Program) -> Self {
        self.program = program;
        self
    }

    /// What it keeps on its disk.
    #[must_use]
    pub fn persistence(mut self, persistence: Persistence) -> Self {
        self.persistence = persistence;
        self
    }

    /// Adds a line of `redis.conf`, such as `maxmemory 64mb`. A later line of the same directive replaces an earlier one.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Adds a user in the words of an ACL file, without `user` before them: `gloed on >secret ~g:* +get`. The default
    /// user stays as it is: the harness speaks as that one.
    #[must_use]
    pub fn user(mut self, rule: impl Into<String>) -> Self {
        self.users.push(rule.into());
        self
    }

    /// Adds lines before all others.
    pub(crate) fn first_lines(mut self, lines: &[&str]) -> Self {
        self.lines.splice(0..0, lines.iter().map(|line| (*line).to_owned()));
        self
    }

    /// The text of a `redis.conf`, but for port and folder.
    pub(crate) fn text(&self) -> String {
        let lines: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        let users = if self.users.is_empty() { "" } else { "aclfile users.acl\n" };
        format!("daemonize no\nbind 127.0.0.1\n{}{users}{lines}", self.persistence.lines())
    }

    /// The text of the ACL file.
    pub(crate) fn users_text(&self) -> String {
        let users: String = self.users.iter().map(|user| format!("user {user}\n")).collect();
        format!("user default on nopass ~* &* +@all\n{users}")
    }
}
