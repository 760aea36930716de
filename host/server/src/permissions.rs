//! The page of permissions: which role has each, and which operations of the API ask for it. Made from the two tables that
//! decide, so that it cannot say anything else.

use std::fmt::Write;

use domain::{BuiltInRole, Permission};

use crate::web::access::{Access, OPERATIONS};

const HEAD: &str = "\
# Permissions

Made by `skerry permissions` from the program's own tables; [people.md](people.md) says what roles are for.

## Which role may do what

A role of a tenant's own may have any of these, as far as whoever sets it holds them.

";

const OPERATIONS_HEAD: &str = "
## Which operation asks for what

What a request asks for may need more: a binding needs what it grants, a role everything that it gives. Scripts, and
whoever calls an endpoint, act with the rights of those they act for, and call none of these.

";

/// The page, in Markdown.
pub(crate) fn permissions() -> String {
    let mut page = String::from(HEAD);
    roles(&mut page);
    page.push_str(OPERATIONS_HEAD);
    operations(&mut page);
    page
}

fn roles(page: &mut String) {
    let names: Vec<&str> = BuiltInRole::ALL.iter().map(|role| role.as_str()).collect();
    let _ = writeln!(page, "| permission | {} |", names.join(" | "));
    let _ = writeln!(page, "|---|{}", "---|".repeat(names.len()));
    for permission in Permission::ALL {
        let marks =
            BuiltInRole::ALL.iter().map(|role| if role.permissions().contains(*permission) { "yes" } else { "" });
        let marks: Vec<&str> = marks.collect();
        let _ = writeln!(page, "| `{permission}` | {} |", marks.join(" | "));
    }
}

fn operations(page: &mut String) {
    let _ = writeln!(page, "| operation | who |\n|---|---|");
    for (operation, access) in OPERATIONS {
        let who = match access {
            Access::Anybody => String::from("anybody"),
            Access::Known => String::from("anybody who is known"),
            Access::SignedIn => String::from("anybody who is signed in"),
            Access::Operator => String::from("operators"),
            Access::Needs(permissions) => {
                let words: Vec<String> = permissions.iter().map(|permission| format!("`{permission}`")).collect();
                words.join(", ")
            }
        };
        let _ = writeln!(page, "| `{operation}` | {who} |");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_permissions_is_the_one_that_the_program_prints() {
        let page = include_str!("../../../docs/permissions.md");
        assert_eq!(page, permissions(), "run `./just generate`");
    }
}
