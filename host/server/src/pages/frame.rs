//! What stands around a page: who is signed in, the tenant, where one can go from here, and how it looks.

use app::{App, AppError, Person, TenantOfUser};
use domain::{Permission, Permissions, UnixMillis};
use http::{HeaderMap, header, request::Parts};

use super::{
    assets,
    format::{Day, Moment, Zone},
};

/// The cookie that keeps the choice of colours. It is no secret, and a script of the page writes it.
const THEME: &str = "skerry-theme";

/// Everything that pages share.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The person's name.
    pub(crate) name: String,
    /// The person's e-mail address.
    pub(crate) email: String,
    /// The tenant that is acted in.
    pub(crate) tenant: Option<TenantOfUser>,
    /// Every tenant that could be.
    pub(crate) tenants: Vec<TenantOfUser>,
    /// Whether the person has the operator's area.
    pub(crate) is_operator: bool,
    /// How the page looks.
    pub(crate) theme: Theme,
    /// The moment that relative times are relative to.
    pub(crate) now: UnixMillis,
    permissions: Permissions,
    zone: Zone,
    path: String,
}

/// Light, dark, or as the system has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    Light,
    Dark,
    #[default]
    System,
}

/// A page that the navigation leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) path: &'static str,
    pub(crate) word: &'static str,
    pub(crate) icon: &'static str,
    /// Which right one needs to see anything there.
    needs: Option<Permission>,
}

/// Places that belong together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) word: &'static str,
    places: &'static [Place],
}

const fn place(path: &'static str, word: &'static str, icon: &'static str, needs: Option<Permission>) -> Place {
    Place { path, word, icon, needs }
}

/// The navigation of a tenant.
const GROUPS: [Group; 3] = [
    Group {
        word: "Build",
        places: &[
            place("/scripts", "Scripts", "file-code", Some(Permission::ScriptsRead)),
            place("/endpoints", "Endpoints", "webhook", Some(Permission::ScriptsRead)),
            place("/schedules", "Schedules", "calendar-clock", Some(Permission::ScriptsRead)),
            place("/events", "Events", "radio", Some(Permission::EventsRead)),
            place("/webhooks", "Webhooks", "send", Some(Permission::WebhooksManage)),
            place("/hooks", "Hooks", "plug", Some(Permission::ScriptsRead)),
        ],
    },
    Group {
        word: "Observe",
        places: &[
            place("/executions", "Executions", "activity", Some(Permission::ExecutionsRead)),
            place("/usage", "Usage", "gauge", Some(Permission::ExecutionsRead)),
            place("/audit", "Audit", "scroll-text", Some(Permission::AuditRead)),
        ],
    },
    Group {
        word: "Tenant",
        places: &[
            place("/storage", "Storage", "database", Some(Permission::StorageRead)),
            place("/secrets", "Secrets", "key-round", Some(Permission::SecretsRead)),
            place("/members", "Members", "users", Some(Permission::MembersRead)),
            place("/roles", "Roles", "shield", Some(Permission::MembersRead)),
            place("/tokens", "Tokens", "ticket", Some(Permission::TokensManage)),
            place("/settings", "Settings", "settings", None),
        ],
    },
];

/// The navigation of whoever runs the deployment.
const OPERATOR: Group = Group {
    word: "Operator",
    places: &[
        place("/operator/tenants", "Tenants", "building-2", None),
        place("/operator/plans", "Plans", "layers", None),
        place("/operator/users", "Users", "user-cog", None),
        place("/operator/health", "Health", "heart-pulse", None),
        place("/operator/audit", "Audit", "scroll-text", None),
    ],
};

impl Group {
    /// The places where this person can see something.
    pub(crate) fn places(&self, frame: &Frame) -> impl Iterator<Item = &'static Place> {
        let permissions = frame.permissions;
        self.places.iter().filter(move |place| place.needs.is_none_or(|needs| permissions.contains(needs)))
    }
}

impl Theme {
    /// The theme that the browser's cookie names.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let chosen = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        match chosen.filter(|(name, _)| *name == THEME).map(|(_, value)| value).next_back() {
            Some("light") => Self::Light,
            Some("dark") => Self::Dark,
            _ => Self::System,
        }
    }

    /// The word of it, in `data-theme`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
            Self::System => "system",
        }
    }
}

impl Frame {
    /// What stands around the page of `parts`.
    ///
    /// # Errors
    /// [`AppError::Internal`] where the database cannot be read.
    pub(super) fn of(app: &App, person: &Person, parts: &Parts) -> Result<Self, AppError> {
        let details = app.sessions().describe(person)?;
        let principal = person.principal().ok();
        let tenant = principal.as_ref().map(|principal| principal.tenant);
        Ok(Self {
            name: details.user.name,
            email: details.user.email,
            tenant: details.tenants.iter().find(|of| Some(of.tenant) == tenant).cloned(),
            tenants: details.tenants,
            is_operator: person.operator().is_ok(),
            theme: Theme::of(&parts.headers),
            now: UnixMillis::now(),
            permissions: principal.map_or(Permissions::NONE, |principal| principal.permissions),
            zone: Zone::default(),
            path: parts.uri.path().to_owned(),
        })
    }

    /// Whether the person may do this.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(permission)
    }

    /// As [`Self::may`], for templates.
    pub(crate) fn grants(&self, permission: &Permission) -> bool {
        self.may(*permission)
    }

    /// The navigation.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &'static Group> {
        let groups = self.tenant.as_ref().map_or(&[][..], |_| &GROUPS);
        groups.iter().chain(self.is_operator.then_some(&OPERATOR))
    }

    /// Where the navigation leads first.
    pub(crate) fn first_place(&self) -> Option<&'static str> {
        self.groups().flat_map(|group| group.places(self)).map(|place| place.path).next()
    }

    /// Whether the page belongs to this place of the navigation.
    pub(crate) fn is_at(&self, place: &Place) -> bool {
        let rest = self.path.strip_prefix(place.path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The address of a file of ours.
    pub(crate) fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// What a clock shows at a moment.
    pub(crate) fn clock(&self, at: UnixMillis) -> String {
        self.zone.clock(at)
    }

    /// Today, and the days that follow.
    pub(crate) fn days(&self, count: usize) -> Vec<Day> {
        self.zone.days(self.now, count)
    }

    /// A moment as people read it.
    pub(crate) fn moment(&self, at: &UnixMillis) -> Moment {
        self.zone.moment(*at, self.now)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    #[test]
    fn the_theme_is_the_one_that_the_cookie_names() {
        let of = |cookie: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, cookie.parse().unwrap());
            Theme::of(&headers)
        };
        assert_eq!(of("skerry=ss_1; skerry-theme=dark"), Theme::Dark);
        assert_eq!(of("skerry-theme=light"), Theme::Light);
        assert_eq!(of("skerry-theme=\"><script>"), Theme::System);
        assert_eq!(Theme::of(&HeaderMap::new()), Theme::System);
    }
}
