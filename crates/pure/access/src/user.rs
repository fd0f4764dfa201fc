//! Who asks.

/// Who sent no credentials.
pub const ANONYMOUS: &str = "system:anonymous";
/// The group that everybody is in who has credentials.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group that everybody is in who has none.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The group that may do everything, whatever the roles say.
pub const MASTERS: &str = "system:masters";

/// Who asks. Names and groups that begin with `system:` have a meaning of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct User {
    /// Its name.
    pub name: String,
    /// What tells it from an earlier user of its name.
    pub uid: Option<String>,
    /// The groups that it is in, without the one that everybody is in.
    pub groups: Vec<String>,
}

impl User {
    /// A user of these groups.
    pub fn new<G: Into<String>>(name: impl Into<String>, groups: impl IntoIterator<Item = G>) -> Self {
        Self { name: name.into(), uid: None, groups: groups.into_iter().map(Into::into).collect() }
    }

    /// Who sent no credentials.
    pub fn anonymous() -> Self {
        Self::new(ANONYMOUS, [] as [&str; 0])
    }

    /// Whether it sent no credentials.
    pub fn is_anonymous(&self) -> bool {
        self.name == ANONYMOUS
    }

    /// Whether it may do everything.
    pub fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == MASTERS)
    }

    /// Every group that it is in, each once.
    pub fn all_groups(&self) -> Vec<&str> {
        let implied = if self.is_anonymous() { UNAUTHENTICATED } else { AUTHENTICATED };
        let mut groups: Vec<&str> = Vec::with_capacity(self.groups.len() + 1);
        for group in self.groups.iter().map(String::as_str).chain([implied]) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_in_a_group_that_says_whether_they_are_known() {
        assert_eq!(User::new("ana", ["dev", "dev"]).all_groups(), ["dev", AUTHENTICATED]);
        assert_eq!(User::anonymous().all_groups(), [UNAUTHENTICATED]);
    }
}
