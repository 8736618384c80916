package corstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// CommonName is that of the certificates, for which browsers do not care.
const CommonName = "common.example"

// Certificate writes a certificate for 127.0.0.1, and for more names, signed by itself,
// and its key to files, and returns their paths.
func Certificate(t testing.TB, names ...string) (cert, key string) {
	t.Helper()
	cert, key, err := WriteCertificate(t.TempDir(), names...)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// WriteCertificate is [Certificate] for what is not a test. The files are in dir.
func WriteCertificate(dir string, names ...string) (cert, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		Subject:      pkix.Name{CommonName: CommonName},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if strings.Contains(name, "@") {
			template.EmailAddresses = append(template.EmailAddresses, name)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	public, err := x509.CreateCertificate(rand.Reader, &template, &template, private.Public(), private)
	if err != nil {
		return "", "", err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write := func(file, kind string, der []byte) error {
		return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
	}
	return cert, key, errors.Join(write(cert, "CERTIFICATE", public), write(key, "PRIVATE KEY", secret))
}
