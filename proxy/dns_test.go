package corsproxy

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// dnsServer is a DNS server on loopback. Of each name it gives the answers one after
// another, and then the last one again and again.
type dnsServer struct {
	mu      sync.Mutex
	answers map[string][][]netip.Addr // by name, without its last dot
	asked   map[string]int            // how often for IPv4 addresses
}

// serveDNS starts a DNS server, which the proxy asks while the test runs. An answer is
// a list of addresses, with commas.
func serveDNS(t testing.TB, names map[string][]string) *dnsServer {
	t.Helper()
	s := &dnsServer{answers: make(map[string][][]netip.Addr), asked: make(map[string]int)}
	for name, answers := range names {
		for _, answer := range answers {
			var addrs []netip.Addr
			for text := range strings.SplitSeq(answer, ",") {
				addrs = append(addrs, netip.MustParseAddr(text))
			}
			s.answers[name] = append(s.answers[name], addrs)
		}
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.serve(conn)
	}()
	resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		resolver = nil
		_ = conn.Close()
		<-served
	})
	return s
}

func (s *dnsServer) serve(conn net.PacketConn) {
	packet := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(packet)
		if err != nil {
			return
		}
		if answer, err := s.answer(packet[:n]); err == nil {
			_, _ = conn.WriteTo(answer, from)
		}
	}
}

func (s *dnsServer) answer(packet []byte) ([]byte, error) {
	var query dnsmessage.Message
	if err := query.Unpack(packet); err != nil {
		return nil, err
	}
	question := query.Questions[0]
	name := strings.TrimSuffix(strings.ToLower(question.Name.String()), ".")
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: query.ID, Response: true, RecursionAvailable: true},
		Questions: query.Questions[:1],
	}
	addrs, ok := s.next(name, question.Type)
	if !ok {
		reply.RCode = dnsmessage.RCodeNameError
	}
	for _, addr := range addrs {
		header := dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: dnsmessage.ClassINET}
		switch {
		case question.Type == dnsmessage.TypeA && addr.Is4():
			reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: addr.As4()}})
		case question.Type == dnsmessage.TypeAAAA && !addr.Is4():
			reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}})
		}
	}
	return reply.Pack()
}

// next returns what a name has now. IPv4 and IPv6 addresses are asked for at once, in
// two questions, of which the first type counts.
func (s *dnsServer) next(name string, asked dnsmessage.Type) ([]netip.Addr, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answers, ok := s.answers[name]
	if !ok {
		return nil, false
	}
	n := s.asked[name]
	if asked == dnsmessage.TypeA {
		s.asked[name]++
	}
	return answers[min(n, len(answers)-1)], true
}

// lookups returns how often a name was looked up.
func (s *dnsServer) lookups(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[name]
}
