//! What the operator opens, and what stays closed beside it.

use super::*;

fn stock(hosts: Vec<HostPattern>) -> EgressConfig {
    let private =
        PrivateHost { host: String::from("stock.test"), addresses: "10.1.0.0/16".parse().unwrap(), port: 8443 };
    EgressConfig { private: vec![private], hosts, ..open_config() }
}

#[tokio::test]
async fn an_exception_is_for_its_name_its_range_and_its_port_and_no_redirect() {
    let config = stock(vec![HostPattern::ANY]);
    let cases = [
        ("http://stock.test:8443/", "10.1.2.3", true),
        ("http://stock.test:8443/", "10.2.0.1", false),
        ("http://stock.test:80/", "10.1.2.3", false),
        ("http://stock.test:8444/", "10.1.2.3", false),
        ("http://other.test:8443/", "10.1.2.3", false),
        ("http://a.stock.test:8443/", "10.1.2.3", false),
        ("http://10.1.2.3:8443/", "10.1.2.3", false),
    ];
    for (address, resolved, is_open) in cases {
        let host = url::Url::parse(address).unwrap().host_str().unwrap().to_owned();
        let network = Arc::new(Outside::answering("HTTP/1.1 204 No Content\r\n\r\n").name(&host, &[resolved]));
        let egress = Egress::new(&config, Arc::clone(&network) as Arc<dyn Network>).unwrap();
        let sent = egress.send(get(address), &any_host()).await;
        assert_eq!(sent.is_ok(), is_open, "{address} {resolved}");
        assert_eq!(network.connected().len(), usize::from(is_open), "{address} {resolved}");
    }
    let answer = "HTTP/1.1 302 Found\r\nlocation: http://stock.test:8443/\r\ncontent-length: 0\r\n\r\n";
    let network = Arc::new(Outside::answering(answer).name("stock.test", &["10.1.2.3"]));
    let egress = Egress::new(&config, Arc::clone(&network) as Arc<dyn Network>).unwrap();
    assert_eq!(egress.send(get("http://public.test/"), &any_host()).await.err(), Some(EgressError::Denied));
    assert_eq!(network.connected(), [format!("{PUBLIC}:80")]);
}

#[tokio::test]
async fn an_exception_opens_nothing_outside_its_range() {
    let named = || vec!["stock.test".parse().unwrap()];
    let cases = [
        (vec![], vec![], &["10.1.2.3", "10.1.2.4"][..], true),
        (vec![], vec![], &[PUBLIC], false),
        (vec![], vec![8443], &[PUBLIC], false),
        (named(), vec![], &[PUBLIC], false),
        (named(), vec![8443], &[PUBLIC], true),
        (named(), vec![8443], &[PUBLIC, "10.1.2.3"], false),
    ];
    for (hosts, ports, resolved, is_open) in cases {
        let network = Outside::answering("HTTP/1.1 204 No Content\r\n\r\n").name("stock.test", resolved);
        let network = Arc::new(network);
        let config = EgressConfig { ports: ports.clone(), ..stock(hosts.clone()) };
        let egress = Egress::new(&config, Arc::clone(&network) as Arc<dyn Network>).unwrap();
        let sent = egress.send(get("http://stock.test:8443/"), &any_host()).await;
        assert_eq!(sent.is_ok(), is_open, "{hosts:?} {ports:?} {resolved:?}");
        assert_eq!(network.connected().len(), usize::from(is_open), "{hosts:?} {ports:?} {resolved:?}");
    }
}

#[tokio::test]
async fn the_deployments_public_addresses_are_reached_under_no_name() {
    let own_addresses = vec!["93.184.216.0/28".parse().unwrap(), "2606:2800::7/128".parse().unwrap()];
    let config = EgressConfig { own_addresses, ..open_config() };
    let cases = [("93.184.216.5", false), ("2606:2800::7", false), (PUBLIC, true), ("2606:2800::8", true)];
    for (address, is_open) in cases {
        let network = Outside::answering("HTTP/1.1 204 No Content\r\n\r\n").name("other.test", &[address]);
        let egress = Egress::new(&config, Arc::new(network)).unwrap();
        assert_eq!(egress.send(get("http://other.test/"), &any_host()).await.is_ok(), is_open, "{address}");
    }
}

#[tokio::test]
async fn an_answer_tells_every_address_that_was_asked() {
    let hops = ["http://public.test/", "http://public.test/next"];
    let network = Outside::new(|mut far| {
        async move {
            let head = read_head(&mut far).await;
            let answer = if head.starts_with("GET / ") { "302 Found\r\nlocation: /next" } else { "200 OK" };
            let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
            let _ = far.write_all(answer.as_bytes()).await;
        }
        .boxed()
    });
    assert_eq!(send(network, get(hops[0])).await.0.unwrap().hops, hops);
}
