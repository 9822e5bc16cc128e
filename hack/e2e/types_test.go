package e2e

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestTypesAreHeldToWhatTheySay: Kubernetes only checks that a type's keys exist. Values that no program can use are
// not written, and the message says how to fix them.
func TestTypesAreHeldToWhatTheySay(t *testing.T) {
	s := newSetup(t)
	docker, ssh := string(corev1.SecretTypeDockerConfigJson), string(corev1.SecretTypeSSHAuth)
	all := map[string]struct {
		kind, content string
		data          []v1alpha1.DataKey
		mention       string
	}{
		"login":     {docker, pair(), []v1alpha1.DataKey{{Key: ".dockerconfigjson"}}, `no field "auths"`},
		"auths":     {docker, `{"auths":"{}"}`, []v1alpha1.DataKey{{Key: ".dockerconfigjson"}}, `"auths" must be an object`},
		"split":     {docker, `{"auths":{}}`, nil, "{key: .dockerconfigjson} under spec.data, without a property"},
		"no-key":    {ssh, value(), []v1alpha1.DataKey{{Key: "ssh-privatekey"}}, "no PEM block"},
		"ssh-value": {ssh, value(), nil, "{key: ssh-privatekey} under spec.data"},
		"empty":     {string(corev1.SecretTypeBasicAuth), `{"username":"","password":""}`, nil, "is empty"},
	}
	for name, test := range all {
		id, _ := s.createSecret(name, test.content)
		s.sync(name, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Data: test.data, PollInterval: fast, Target: v1alpha1.SecretTarget{Type: test.kind}})
	}
	for name, test := range all {
		found := s.awaitReason(name, metav1.ConditionFalse, v1alpha1.ReasonInvalidValue)
		if ready := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady); !strings.Contains(ready.Message, test.mention) {
			t.Errorf("%s: %q does not mention %q", name, ready.Message, test.mention)
		}
		if s.secret(name) != nil {
			t.Errorf("%s: the Secret was written", name)
		}
	}
}

// TestAnExpiredCertificateIsAWarning: an expired certificate is written, as there may be no other, and Ready stays
// True. A renewed certificate ends the warning.
func TestAnExpiredCertificateIsAWarning(t *testing.T) {
	s := newSetup(t)
	id, _ := s.createSecret("web", certificateUntil(t, time.Now().Add(-time.Hour)))
	s.sync("web", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast, Target: v1alpha1.SecretTarget{Type: string(corev1.SecretTypeTLS)}})
	message := func() string {
		return meta.FindStatusCondition(s.awaitReady("web").Status.Conditions, v1alpha1.ConditionReady).Message
	}
	if said := message(); !strings.Contains(said, `; warning: a certificate under "tls.crt" expired on `) {
		t.Errorf("Ready says %q", said)
	}
	written := s.get("web").ResourceVersion
	s.awaitCalls(3)
	if now := s.get("web").ResourceVersion; now != written {
		t.Errorf("polls wrote status: resourceVersion %s, then %s", written, now)
	}
	s.putValue(id, certificateUntil(t, time.Now().Add(time.Hour)))
	s.await("the warning ends", func() bool { return !strings.Contains(message(), "warning") })
}

// certificateUntil is a JSON object with a certificate that ends at a time, and its key.
func certificateUntil(t *testing.T, until time.Time) string {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: until}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(map[string]string{
		"tls.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})),
		"tls.key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	})
	if err != nil {
		t.Fatal(fmt.Errorf("encoding a certificate: %w", err))
	}
	return string(encoded)
}
