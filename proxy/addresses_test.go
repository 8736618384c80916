package corsproxy

import (
	"net/netip"
	"strings"
	"testing"
)

// TestSpecialPurpose shows which addresses are refused, at both ends of each block, and
// that their neighbours are not.
func TestSpecialPurpose(t *testing.T) {
	refused := `
		0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255
		127.0.0.0 127.0.0.1 127.255.255.255 168.63.129.16 169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255
		172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.192 192.0.0.255 192.0.2.0 192.0.2.255 192.88.99.0 192.88.99.255
		192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.0 198.51.100.255 203.0.113.0 203.0.113.255
		224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.254 255.255.255.255
		:: ::1 ::2 ::7f00:1 ::127.0.0.1 ::8.8.8.8
		::ffff:0.0.0.0 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:255.255.255.255
		::ffff:0:7f00:1 ::ffff:0:808:808
		64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b::192.168.0.1 64:ff9b::0.0.0.0
		64:ff9b:1:: 64:ff9b:1:ffff:ffff:ffff:ffff:ffff 64:ff9b::1:0:0 63:ffff::
		100:: 100::1 100:0:0:1:: 1fff:ffff::
		2001:: 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2:: 2001:10:: 2001:20:: 2001:1ff:ffff::
		2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff
		2002:: 2002:7f00:1:: 2002:a00:1:: 2002:808:808:: 2002:ffff:ffff::
		3fff:: 3fff:fff:ffff:: 4000:: 5f00:: 5f00:ffff:: 8000::
		fc00:: fd00:ec2::254 fd20:ce::254 fdff:ffff:: fe00:: fe80:: fe80::1 fe80::1%eth0 febf:ffff:: fec0:: feff:ffff::
		ff00:: ff02::1 ff0e::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2606:4700::1111%eth0`
	allowed := `
		1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.15 168.63.129.17
		169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.1.255 192.0.3.0
		192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0
		203.0.112.255 203.0.114.0 223.255.255.255 8.8.8.8 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 64:ff9b::101:101
		2000:: 2001:200:: 2001:4860:4860::8888 2001:db7:ffff:: 2001:db9:: 2001:ffff:: 2003:: 2606:4700:4700::1111
		2620:4f:8000:: 2a00:: 3ffe:ffff:: 3fff:1000:: 3fff:ffff::`
	for text := range strings.FieldsSeq(refused) {
		if why := specialPurpose(netip.MustParseAddr(text)); why == "" {
			t.Errorf("%s is not refused", text)
		}
	}
	for text := range strings.FieldsSeq(allowed) {
		if why := specialPurpose(netip.MustParseAddr(text)); why != "" {
			t.Errorf("%s is refused: %s", text, why)
		}
	}
}
