"""What is said of packets that want to leave."""

import ipaddress
import subprocess
import sys

from tests.hostile import shut_in
from tests.hostile.shut_in import describe


def frame(kind, packet):
    return bytes(12) + kind.to_bytes(2, "big") + packet


def ipv4(protocol, target, port, options=b""):
    head = bytearray(20) + options
    head[0], head[9] = 0x40 | len(head) // 4, protocol
    head[16:20] = ipaddress.ip_address(target).packed
    return frame(0x0800, bytes(head) + bytes(2) + port.to_bytes(2, "big"))


def ipv6(protocol, target, port):
    head = bytearray(40)
    head[6], head[24:40] = protocol, ipaddress.ip_address(target).packed
    return frame(0x86DD, bytes(head) + bytes(2) + port.to_bytes(2, "big"))


def test_connections_and_look_ups_are_named():
    assert describe(ipv4(6, "192.0.2.7", 443)) == "TCP to port 443 of 192.0.2.7"
    assert describe(ipv4(17, "10.0.0.53", 123, bytes(8))) == "UDP to port 123 of 10.0.0.53"
    question = bytes(16) + b"\x03www\x07example\x03org\x00" + bytes(4)
    assert describe(ipv4(17, "10.0.0.53", 53) + question) == "a look-up of www.example.org"
    assert describe(ipv4(17, "10.0.0.53", 53)) == "a look-up of "
    assert describe(ipv6(6, "2001:db8::1", 80)) == "TCP to port 80 of 2001:db8::1"
    assert describe(ipv4(17, "224.0.0.251", 5353)) == "UDP to port 5353 of 224.0.0.251"
    assert describe(ipv4(1, "192.0.2.7", 0)) == "protocol 1 of 192.0.2.7"


def test_what_the_link_needs_is_not():
    assert describe(frame(0x0806, bytes(28))) is None
    assert describe(ipv6(58, "ff02::2", 0)) is None
    assert describe(ipv4(2, "224.0.0.22", 0)) is None
    question = ipv4(17, "10.0.0.53", 53) + bytes(16) + b"\x07scripts\x04test\x00" + bytes(4)
    assert describe(question) is None


def test_where_nothing_can_be_watched_the_command_runs_all_the_same(monkeypatch, capsys):
    def refuse(*arguments):
        raise subprocess.CalledProcessError(1, ["ip", *arguments])

    monkeypatch.setattr(shut_in, "_ip", refuse)
    assert shut_in.main([sys.executable, "-c", "raise SystemExit(3)"]) == 3
    assert "Not watched" in capsys.readouterr().out
