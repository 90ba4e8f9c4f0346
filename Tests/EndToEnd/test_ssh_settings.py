"""What can be configured of the ssh transport."""

import pytest
from kit.people import approve
from kit.raw_ssh import Gone, RawSSH
from kit.service import checksum
from kit.transfers import download

SIZE = 500_000


def test_what_can_be_configured(new_edge, new_publisher, visitor, service):
    """Strictness demanded, group 18 added, and keys that the edge renews by itself."""
    edge = new_edge()
    settings = {
        "ssh_require_strict_kex": "true",
        "ssh_additional_kex_algorithms": "[diffie-hellman-group18-sha512]",
        "ssh_rekey_limit": "100K none",
    }
    edge.start(edge.text(more="".join(f"{key}: {value}\n" for key, value in settings.items())))
    with RawSSH(edge.ssh_port) as client, pytest.raises(Gone) as ended:
        client.exchange_idents().offer(strict=False)
    assert ended.value.said == (3, "Strict key exchange is required; please update your client.")
    publisher = new_publisher(edge)
    options = ["-o", "KexAlgorithms=diffie-hellman-group18-sha512"]
    tunnel = publisher.forward(("app.localhost", service.port), options=options)
    approve(tunnel, visitor)
    tunnel.wait_published()
    visitor.get(edge.url())
    assert download(visitor, edge, SIZE) == (200, checksum(SIZE))
    tunnel.wait_for(r"SSH2_MSG_KEXINIT received(?s:.*)SSH2_MSG_NEWKEYS received(?s:.*)SSH2_MSG_NEWKEYS received")
