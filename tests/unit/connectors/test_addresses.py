from __future__ import annotations

import ipaddress

import pytest

from app.connectors.addresses import AddressRefused, OutboundPolicy, is_global_unicast

PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001:80b::200e"]
NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.1.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2620:4f:8000::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%2",
    "fec0::1",
    "ff02::1",
    "2606:4700::5efe:10.0.0.1",
    "2606:4700::200:5efe:10.0.0.1",
]


class TestIsGlobalUnicast:
    @pytest.mark.parametrize("text", PUBLIC)
    def test_takes_public_addresses(self, text: str) -> None:
        assert is_global_unicast(ipaddress.ip_address(text))

    @pytest.mark.parametrize("text", NOT_PUBLIC)
    def test_refuses_all_others(self, text: str) -> None:
        assert not is_global_unicast(ipaddress.ip_address(text))

    @pytest.mark.parametrize(
        "text",
        [
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
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2003::1",
            "3ffe:ffff::1",
        ],
    )
    def test_neighbours_of_the_refused_blocks_are_public(self, text: str) -> None:
        assert is_global_unicast(ipaddress.ip_address(text))


def refused(
    allow: str, host: str, answers: list[str], port: int = 443, *, plain_http: bool = False
) -> bool:
    try:
        OutboundPolicy(allow).require(host, answers, port, plain_http=plain_http)
    except AddressRefused:
        return True
    return False


class TestOutboundPolicy:
    def test_one_private_answer_refuses_the_host(self) -> None:
        assert not refused("", "a.example", ["8.8.8.8", "1.1.1.1"])
        assert refused("", "a.example", ["8.8.8.8", "10.0.0.1"])
        assert refused("", "a.example", ["10.0.0.1", "8.8.8.8"])

    @pytest.mark.parametrize(
        ("port", "expected"), [(443, False), (80, False), (8443, True), (22, True)]
    )
    def test_only_ports_443_and_80(self, port: int, expected: bool) -> None:
        assert refused("", "a.example", ["8.8.8.8"], port) is expected

    def test_plain_http_is_closed_even_to_public_addresses(self) -> None:
        assert refused("", "a.example", ["8.8.8.8"], 80, plain_http=True)
        assert not refused("a.example", "a.example", ["8.8.8.8"], 80, plain_http=True)

    @pytest.mark.parametrize(
        ("allow", "expected"),
        [
            ("127.0.0.1", False),
            ("127.0.0.1:9000", False),
            ("127.0.0.1:9001", True),
            ("127.0.0.0/8", False),
            ("127.0.0.0/8:9000", False),
            ("10.0.0.0/8", True),
            ("10.0.0.0/8, 127.0.0.1", False),
            (" , ", True),
            ("example.com", True),
        ],
    )
    def test_opens_what_the_operator_named(self, allow: str, expected: bool) -> None:
        assert refused(allow, "127.0.0.1", ["127.0.0.1"], 9000, plain_http=True) is expected

    def test_names_match_whole_and_without_case(self) -> None:
        assert not refused("Hooks.Example", "hooks.example.", ["10.0.0.1"], 8080)
        assert refused("hooks.example", "evil.hooks.example", ["10.0.0.1"], 8080)
        assert refused("hooks.example", "hooks.example.evil", ["10.0.0.1"], 8080)
        assert refused("hooks.example:8080", "hooks.example", ["10.0.0.1"], 8081)

    def test_opens_ipv6(self) -> None:
        assert not refused("[::1]:9000", "::1", ["::1"], 9000)
        assert not refused("::1", "::1", ["::1"], 9000)
        assert not refused("fd00::/8", "x.example", ["fd00::7"], 9000)
        assert refused("[::1]:9000", "::1", ["::1"], 9001)

    def test_the_refusal_says_how_to_open_it(self) -> None:
        with pytest.raises(
            AddressRefused, match=r"add 10\.0\.0\.1:8080 to ACTIVATIONS_OUTBOUND_ALLOW"
        ):
            OutboundPolicy().require("10.0.0.1", ["10.0.0.1"], 8080, plain_http=False)

    @pytest.mark.parametrize(
        "allow", ["10.0.0.0/33", "host:port", "host:0", "host:70000", "a/b", ":80"]
    )
    def test_an_entry_that_cannot_be_read_is_named(self, allow: str) -> None:
        with pytest.raises(ValueError, match="ACTIVATIONS_OUTBOUND_ALLOW"):
            OutboundPolicy(allow)


class TestRefusalOf:
    @pytest.mark.parametrize(
        ("allow", "url", "words"),
        [
            ("", "https://hooks.example.com/in", None),
            ("", "http://hooks.example.com/in", "plain http is not encrypted"),
            ("hooks.example.com", "http://hooks.example.com/in", None),
            ("10.0.0.0/8", "http://hooks.example.com/in", None),  # it may have such an address
            ("", "https://10.0.0.7/in", "add 10.0.0.7:443 to ACTIVATIONS_OUTBOUND_ALLOW"),
            ("10.0.0.0/8", "http://10.0.0.7/in", None),
            ("", "https://8.8.8.8:8443/in", "port 8443 is neither 443 nor 80"),
            ("", "https://hooks.example.com:8443/in", "port 8443 is neither 443 nor 80"),
            ("hooks.example.com", "https://hooks.example.com:8443/in", None),
            ("hooks.example.com:9000", "https://hooks.example.com:8443/in", "port 8443"),
            (
                "10.0.0.0/8",
                "https://hooks.example.com:8443/in",
                None,
            ),  # it may have such an address
            ("", "https://hooks.example.com:80/in", None),
            ("", "https://[::1]/in", "its address is not public"),
        ],
    )
    def test_says_what_the_url_itself_says(self, allow: str, url: str, words: str | None) -> None:
        found = OutboundPolicy(allow).refusal_of(url)
        assert (found is None) is (words is None)
        assert words is None or words in (found or "")

    @pytest.mark.parametrize(
        ("url", "is_looked_up"),
        [
            ("http://hooks.example.com/in", True),
            ("https://hooks.example.com/in", False),
            ("https://hooks.example.com:8443/in", True),
            ("https://hooks.internal:8443/in", False),  # opened by name
            ("http://10.0.0.7/in", False),
            ("http://hooks.internal/in", False),  # opened by name
        ],
    )
    def test_a_name_whose_addresses_decide_is_looked_up_if_a_block_is_open(
        self, url: str, is_looked_up: bool
    ) -> None:
        policy = OutboundPolicy("10.0.0.0/8,hooks.internal")
        assert (policy.name_to_look_up(url) is not None) is is_looked_up
        assert OutboundPolicy("hooks.internal").name_to_look_up(url) is None

    @pytest.mark.parametrize(
        ("answers", "words"),
        [
            (["10.0.0.7"], None),
            (["8.8.8.8"], "port 8443 is neither 443 nor 80"),
            (["10.0.0.7", "8.8.8.8"], "port 8443 is neither 443 nor 80"),
            (["192.168.0.1"], "its address is not public"),
        ],
    )
    def test_the_addresses_of_a_name_decide_about_another_port(
        self, answers: list[str], words: str | None
    ) -> None:
        url = "https://hooks.example.com:8443/in"
        found = OutboundPolicy("10.0.0.0/8").refusal_of(url, answers)
        assert (found is None) is (words is None)
        assert words is None or words in (found or "")

    @pytest.mark.parametrize(
        ("answers", "words"),
        [
            (["10.0.0.7"], None),
            (["10.0.0.7", "10.1.2.3"], None),
            (["8.8.8.8"], "plain http is not encrypted"),
            (["10.0.0.7", "192.168.0.1"], "its address is not public"),
            ([], "its name has no address now"),
        ],
    )
    def test_the_addresses_of_a_name_decide(self, answers: list[str], words: str | None) -> None:
        found = OutboundPolicy("10.0.0.0/8").refusal_of("http://hooks.example.com/in", answers)
        assert (found is None) is (words is None)
        assert words is None or words in (found or "")
