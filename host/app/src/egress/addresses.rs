//! Which addresses are nobody's to reach from here: the table of what is not public.

use std::net::IpAddr;

use ipnet::{Ipv4Net, Ipv6Net};

/// The special blocks of IPv4 (IANA's registry), with the one public address under which a cloud answers metadata.
const V4: [&str; 17] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
];

/// What of IPv6 is special within [`V6_PUBLIC`]: Teredo and its neighbours, documentation, 6to4. Each carries or hides
/// an address of another kind.
const V6: [&str; 4] = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

/// Outside it no address is given out for use in public: `::/96`, mapped and translated IPv4 (`::ffff:0:0/96`,
/// `64:ff9b::/96`, `64:ff9b:1::/48`), `100::/64`, `5f00::/16`, `fc00::/7`, `fe80::/10`, `fec0::/10`, `ff00::/8`.
const V6_PUBLIC: &str = "2000::/3";

/// The table, read once.
pub(super) struct Addresses {
    v4: Vec<Ipv4Net>,
    v6: Vec<Ipv6Net>,
    v6_public: Option<Ipv6Net>,
}

impl Addresses {
    pub(super) fn new() -> Self {
        Self {
            v4: V4.iter().filter_map(|block| block.parse().ok()).collect(),
            v6: V6.iter().filter_map(|block| block.parse().ok()).collect(),
            v6_public: V6_PUBLIC.parse().ok(),
        }
    }

    /// Whether anybody may be sent there. What is not known to be public is not.
    pub(super) fn is_public(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => !self.v4.iter().any(|block| block.contains(&address)),
            IpAddr::V6(address) => {
                let allotted = self.v6_public.is_some_and(|block| block.contains(&address));
                allotted && !self.v6.iter().any(|block| block.contains(&address))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_public(address: &str) -> bool {
        Addresses::new().is_public(address.parse().expect("an address"))
    }

    #[test]
    fn every_block_of_the_table_is_read() {
        let addresses = Addresses::new();
        assert_eq!((addresses.v4.len(), addresses.v6.len()), (V4.len(), V6.len()));
        assert!(addresses.v6_public.is_some());
    }

    #[test]
    fn the_first_and_the_last_address_of_each_block_are_not_public() {
        for block in V4 {
            let block: Ipv4Net = block.parse().expect("a block");
            assert!(!is_public(&block.network().to_string()) && !is_public(&block.broadcast().to_string()), "{block}");
        }
        for block in V6 {
            let block: Ipv6Net = block.parse().expect("a block");
            assert!(!is_public(&block.network().to_string()) && !is_public(&block.broadcast().to_string()), "{block}");
        }
    }

    #[test]
    fn the_neighbours_of_the_blocks_are_public() {
        let public = [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::",
            "2001:db9::",
            "2003::",
            "2000::",
            "2606:4700::1111",
        ];
        for address in public {
            assert!(is_public(address), "{address}");
        }
    }

    #[test]
    fn addresses_that_hide_another_are_not_public() {
        let hidden = [
            "::",
            "::1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b:1::7f00:1",
            "2002:7f00:1::",
            "2001:0:7f00:1::",
            "100::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
            "3fff::1",
        ];
        for address in hidden {
            assert!(!is_public(address), "{address}");
        }
    }
}
