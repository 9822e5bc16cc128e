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
	const docker, dockercfg = corev1.SecretTypeDockerConfigJson, corev1.SecretTypeDockercfg
	config := func(content string) map[string]string { return map[string]string{".dockerconfigjson": content} }
	old := func(content string) map[string]string { return map[string]string{".dockercfg": content} }
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
		"TLS without its key":                 {corev1.SecretTypeTLS, map[string]string{"tls.crt": "c"}, "{key: tls.key, property: …}"},
		"TLS with an empty key":               {corev1.SecretTypeTLS, map[string]string{"tls.crt": "c", "tls.key": ""}, `"tls.key" with a value, and it is empty`},
		"TLS of a plain text":                 {corev1.SecretTypeTLS, map[string]string{"value": "c"}, "{key: tls.crt, property: …}"},
		"SSH without its key":                 {corev1.SecretTypeSSHAuth, map[string]string{"a": "b"}, "{key: ssh-privatekey, property: …}"},
		"SSH of a plain text":                 {corev1.SecretTypeSSHAuth, map[string]string{"value": pair.pkcs8}, "{key: ssh-privatekey} under spec.data to take the secret's whole value"},
		"SSH with a key":                      {corev1.SecretTypeSSHAuth, map[string]string{"ssh-privatekey": pair.pkcs8}, ""},
		"SSH with a key that is none":         {corev1.SecretTypeSSHAuth, map[string]string{"ssh-privatekey": marker}, "no PEM block"},
		"basic auth with a password alone":    {corev1.SecretTypeBasicAuth, map[string]string{"password": "p"}, ""},
		"basic auth with a user alone":        {corev1.SecretTypeBasicAuth, map[string]string{"username": "u", "password": ""}, ""},
		"basic auth with neither":             {corev1.SecretTypeBasicAuth, map[string]string{"a": "b"}, `"username" or "password", and nothing in the spec`},
		"basic auth with both empty":          {corev1.SecretTypeBasicAuth, map[string]string{"username": "", "password": ""}, "is empty"},

		"a config with auth":                    {docker, config(`{"auths":{"r.example.com":{"auth":"dTpw"}}}`), ""},
		"auth without padding":                  {docker, config(`{"auths":{"r.example.com":{"auth":"dTpwdw"}}}`), ""},
		"a user name and a password":            {docker, config(`{"auths":{"r.example.com":{"username":"u","password":"p","email":null}}}`), ""},
		"an identity token":                     {docker, config(`{"auths":{"r.example.com":{"identitytoken":"t"}}}`), ""},
		"several registries, other fields":      {docker, config(`{"HttpHeaders":{},"auths":{"a":{"auth":"dTpw"},"b":{"auth":"dTpw"}}}`), ""},
		"no registries":                         {docker, config(`{"auths":{}}`), ""},
		"credential helpers alone":              {docker, config(`{"credHelpers":{"a":"ecr-login"}}`), ""},
		"a store with empty entries":            {docker, config(`{"credsStore":"x","auths":{"a":{}}}`), ""},
		"a login in place of a config":          {docker, config(`{"username":"hunter2","password":"hunter2"}`), `no field "auths"`},
		"an empty object":                       {docker, config(`{}`), `no field "auths"`},
		"auths as a text":                       {docker, config(`{"auths":"{\"a\":{\"auth\":\"hunter2\"}}"}`), `"auths" must be an object with a field for each registry (it is a JSON string with the JSON object in it`},
		"auths as an array":                     {docker, config(`{"auths":[{"a":{}}]}`), "it is a JSON array"},
		"auths that is null":                    {docker, config(`{"auths":null}`), "it is null"},
		"a registry that is a text":             {docker, config(`{"auths":{"r.example.com":"hunter2"}}`), `registry "r.example.com" must be an object (it is a JSON string)`},
		"a registry without a login":            {docker, config(`{"auths":{"a":{"auth":"dTpw"},"b":{"email":"hunter2"}}}`), `registry "b" has neither`},
		"a user name without a password":        {docker, config(`{"auths":{"a":{"username":"hunter2","password":""}}}`), `registry "a" has neither`},
		"auth that is not Base64":               {docker, config(`{"auths":{"a":{"auth":"hunter2:x"}}}`), `"auth" the Base64`},
		"auth without a colon":                  {docker, config(`{"auths":{"a":{"auth":"aHVudGVyMg=="}}}`), `"auth" the Base64`},
		"a password that is a number":           {docker, config(`{"auths":{"a":{"username":"u","password":12}}}`), `a string as "password"`},
		"auths twice":                           {docker, config(`{"auths":{},"auths":{"a":{"auth":"dTpw"}}}`), `"auths" is there more than once`},
		"a registry twice":                      {docker, config(`{"auths":{"a":{"auth":"dTpw"},"a":{"auth":"dTpw"}}}`), `"a" is there more than once`},
		"the older form under the newer type":   {docker, config(`{"r.example.com":{"auth":"dTpw"}}`), "kubernetes.io/dockercfg"},
		"a config that is not JSON":             {docker, config("{"), "JSON object"},
		"a config that is an array":             {docker, config("[]"), "JSON object"},
		"a config with a byte order mark":       {docker, config("\uFEFF{}"), "byte order mark"},
		"a config that is missing":              {docker, map[string]string{"a": "b"}, "dockerConfigJson (docs/templates.md)"},
		"a config that was split into its keys": {docker, map[string]string{"auths": "{}"}, "{key: .dockerconfigjson} under spec.data, without a property"},
		"a config under value":                  {docker, map[string]string{"value": "x"}, "{key: .dockerconfigjson} under spec.data, without a property"},
		"an old config":                         {dockercfg, old(`{"r.example.com":{"auth":"dTpw"}}`), ""},
		"an old config without registries":      {dockercfg, old("{}"), ""},
		"an old config of the newer form":       {dockercfg, old(`{"auths":{"a":{"auth":"dTpw"}}}`), "kubernetes.io/dockerconfigjson"},
		"an old config without a login":         {dockercfg, old(`{"username":"hunter2"}`), `registry "username" must be an object`},
		"an old config that is missing":         {dockercfg, map[string]string{"a": "b"}, `".dockercfg"`},
	} {
		t.Run(name, func(t *testing.T) {
			data := map[string][]byte{}
			for key, value := range test.keys {
				data[key] = []byte(value)
			}
			_, err := CheckType(newWork(), test.secretType, data)
			if test.mention == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			wantRefusal(t, err, v1alpha1.ReasonInvalidValue, test.mention)
			docker := strings.Contains(string(test.secretType), "docker")
			if docker && strings.Contains(err.Error(), "property: …") {
				t.Errorf("it advises a property where none is right: %v", err)
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
