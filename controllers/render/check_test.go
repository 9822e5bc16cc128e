package render

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func TestCheckType(t *testing.T) {
	pair, other := newPair(t, ed25519Key(t)), newPair(t, ed25519Key(t))
	for name, test := range map[string]struct {
		secretType corev1.SecretType
		keys       map[string]string
		mention    string // empty: accepted
	}{
		"Opaque takes anything":               {corev1.SecretTypeOpaque, map[string]string{"a": ""}, ""},
		"TLS with a pair":                     {corev1.SecretTypeTLS, map[string]string{"tls.crt": pair.certificate, "tls.key": pair.pkcs8}, ""},
		"TLS with another's key":              {corev1.SecretTypeTLS, map[string]string{"tls.crt": pair.certificate, "tls.key": other.pkcs8}, `"tls.key" of a Secret of type kubernetes.io/tls can't be used: the certificate is for another key`},
		"TLS with a certificate that is none": {corev1.SecretTypeTLS, map[string]string{"tls.crt": "c", "tls.key": pair.pkcs8}, `"tls.crt" of`},
		"TLS with a key that is none":         {corev1.SecretTypeTLS, map[string]string{"tls.crt": pair.certificate, "tls.key": "k"}, `"tls.key" of`},
		"TLS the wrong way round":             {corev1.SecretTypeTLS, map[string]string{"tls.crt": pair.pkcs8, "tls.key": pair.certificate}, `"tls.crt" of`},
		"TLS without its key":                 {corev1.SecretTypeTLS, map[string]string{"tls.crt": "c"}, `"tls.key"`},
		"SSH without its key":                 {corev1.SecretTypeSSHAuth, map[string]string{"a": "b"}, `"ssh-privatekey"`},
		"basic auth with a password alone":    {corev1.SecretTypeBasicAuth, map[string]string{"password": "p"}, ""},
		"basic auth with neither":             {corev1.SecretTypeBasicAuth, map[string]string{"a": "b"}, `"username"`},
		"a docker config that is JSON":        {corev1.SecretTypeDockerConfigJson, map[string]string{".dockerconfigjson": "{}"}, ""},
		"a docker config that is not JSON":    {corev1.SecretTypeDockerConfigJson, map[string]string{".dockerconfigjson": "{"}, "JSON object"},
		"a docker config that is a list":      {corev1.SecretTypeDockerConfigJson, map[string]string{".dockerconfigjson": "[]"}, "JSON object"},
		"a docker config that is missing":     {corev1.SecretTypeDockerConfigJson, map[string]string{"a": "b"}, `".dockerconfigjson"`},
		"an old docker config":                {corev1.SecretTypeDockercfg, map[string]string{".dockercfg": "{}"}, ""},
		"TLS with an empty key":               {corev1.SecretTypeTLS, map[string]string{"tls.crt": "c", "tls.key": ""}, `"tls.key" with a value`},
		"SSH with its key":                    {corev1.SecretTypeSSHAuth, map[string]string{"ssh-privatekey": "k"}, ""},
		"basic auth with a user alone":        {corev1.SecretTypeBasicAuth, map[string]string{"username": "u"}, ""},
		"an old docker config that is none":   {corev1.SecretTypeDockercfg, map[string]string{"a": "b"}, `".dockercfg"`},
	} {
		t.Run(name, func(t *testing.T) {
			data := map[string][]byte{}
			for key, value := range test.keys {
				data[key] = []byte(value)
			}
			err := CheckType(test.secretType, data)
			if test.mention == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if test.mention != "" && (err == nil || !strings.Contains(err.Error(), test.mention)) {
				t.Errorf("got %v, want a refusal that mentions %s", err, test.mention)
			}
		})
	}
}

func TestCheckSize(t *testing.T) {
	half := bytes.Repeat([]byte("x"), corev1.MaxSecretSize/2)
	if err := CheckSize(map[string][]byte{"a": half, "b": half}); err != nil {
		t.Errorf("exactly 1 MiB was refused: %v", err)
	}
	err := CheckSize(map[string][]byte{"a": half, "b": half, "c": []byte("x")})
	if refusal, ok := errors.AsType[*Error](err); !ok || refusal.Reason != v1alpha1.ReasonTargetTooLarge {
		t.Errorf("one byte over 1 MiB gave %v, want TargetTooLarge", err)
	}
}
