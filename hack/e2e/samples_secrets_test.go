package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// keysOfSamples are the keys of the Secret of each SecretSync in the samples; none for a SecretSync that writes
// nothing.
func keysOfSamples() map[string][]string {
	return map[string][]string{
		"stripe": {"value"}, "stripe-by-service-account": {"value"}, "signing-key": {"value"}, "signing-key-by-role": {"value"},
		"payments-db": {"DB_CA", "DB_PASSWORD", "DB_USER"}, "payments-config-password": {"DB_PASSWORD"},
		"payments-db-previous": {"password", "tls", "username"}, "payments-db-pinned": {"password", "tls", "username"},
		"payments-db-grace": {"password", "tls", "username"}, "payments-db-guarded": {"password", "tls", "username"},
		"payments-app": {"DB_PASSWORD", "DB_PASSWORD_PREVIOUS", "FEATURE_search", "SHOP_token", "STRIPE_KEY"},
		"cluster":      {"APP_PASSWORD", "DB_HOST", "DB_PORT", "DB_REPLICA", "ca.crt", "license.bin"},
		"plugins":      {"plugin.search", "plugin.sub_mail"}, "keystore": {"keystore.jks"}, "observed": nil,
		"orders-db": {".pgpass", "DATABASE_URL", "JDBC_URL", "dbname", "engine", "host", "password", "port", "username"},
		"registry":  {".dockerconfigjson"}, "web-tls": {"tls.crt", "tls.key"}, "shop-tls": {"tls.crt", "tls.key"},
		"shop-env": {"SHOP_API_TOKEN"}, "restarted-shop": {"token"}, "shop-by-events": {"token"}, "shop-immutable": {"token"},
	}
}

// sampleSecrets creates the secrets of the samples, and gives the ARN that one sample names.
func (s *setup) sampleSecrets() (signing string) {
	s.Helper()
	const pinned = "5f3c1c5e-8a4b-4d0e-9b8e-2f7d6a1c9e44"
	certificate, key := keyPair()
	database := func() string {
		return object("username", value(), "password", value(), "tls", map[string]string{"ca": value()})
	}
	made := map[string]string{}
	for name, content := range map[string]string{
		"/samples/payments/db":      database(),
		"/samples/stripe":           value(),
		"/samples/signing-key":      value(),
		"/samples/shop":             object("token", value()),
		"/samples/features/search":  "on",
		"/samples/plugins/search":   value(),
		"/samples/plugins/sub/mail": value(),
		"/samples/orders/db":        object("engine", "postgres", "host", "db.example.com", "port", 5432, "username", "orders", "password", value(), "dbname", "orders"),
		"/samples/registry":         object("username", "puller", "password", value()),
		"/samples/tls-bundle":       key + certificate,
		"/samples/web-tls":          object("certificate", certificate, "privateKey", key),
		"/samples/cluster": `{"hosts":[{"name":"a","port":5432},{"name":"b","port":5433}],"tls.ca":"x",` +
			`"accounts":[{"name":"app","password":"` + value() + `"}],"license":"AP8QIA=="}`,
	} {
		made[name] = s.createSample(&secretsmanager.CreateSecretInput{Name: &name, SecretString: &content, ClientRequestToken: aws.String(pinned)})
	}
	s.createSample(&secretsmanager.CreateSecretInput{Name: aws.String("/samples/keystore"), SecretBinary: []byte{0xfe, 0xed, 0xfe, 0xed, 0}})
	s.putValue("/samples/payments/db", database())
	return made["/samples/signing-key"]
}

func (s *setup) createSample(input *secretsmanager.CreateSecretInput) (arn string) {
	s.Helper()
	if strings.HasPrefix(*input.Name, "/samples/plugins/") {
		input.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("shop")}}
	}
	output, err := s.aws.CreateSecret(s.Context(), input)
	if err != nil {
		s.Fatal(err)
	}
	return *output.ARN
}

// object is a JSON object of names and values.
func object(parts ...any) string {
	fields := map[string]any{}
	for i := 0; i < len(parts); i += 2 {
		fields[parts[i].(string)] = parts[i+1]
	}
	encoded, err := json.Marshal(fields)
	if err != nil {
		panic(err) // The tests' own values can be encoded.
	}
	return string(encoded)
}

// keyPair is a self-signed certificate with its private key, in PEM.
func keyPair() (certificate, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "shop.example.com"}, NotAfter: time.Now().Add(time.Hour)}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		panic(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic(err)
	}
	block := func(kind string, content []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
	}
	return block("CERTIFICATE", signed), block("PRIVATE KEY", encoded)
}

// awaitSamples waits until the Secret of each SecretSync of the samples has its keys.
func (s *setup) awaitSamples() {
	s.Helper()
	var syncs v1alpha1.SecretSyncList
	if err := s.env.Client.List(s.Context(), &syncs, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	wanted := keysOfSamples()
	if len(syncs.Items) != len(wanted) {
		s.Errorf("%d SecretSyncs in the samples, want %d", len(syncs.Items), len(wanted))
	}
	for i := range syncs.Items {
		name := syncs.Items[i].Name
		keys, listed := wanted[name]
		if !listed {
			s.Errorf("the keys of sample %s are not known", name)
			continue
		}
		if keys == nil {
			s.awaitReason(name, metav1.ConditionFalse, v1alpha1.ReasonWouldChange)
			continue
		}
		found := s.awaitReady(name)
		if got := slices.Clone(found.Status.Secret.Keys); !cmp.Equal(keys, got) {
			s.Errorf("sample %s: %s", name, cmp.Diff(keys, got))
		}
	}
}
