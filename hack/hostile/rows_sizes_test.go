package hostile

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// certificate is a certificate and its key in PEM.
func certificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "attacker"}, DNSNames: []string{"attacker.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// object is a JSON object of texts.
func object(texts map[string]string) string {
	content, err := json.Marshal(texts)
	if err != nil {
		panic(err) // A map of texts always encodes.
	}
	return string(content)
}

// suspended are n suspended SecretSyncs of a spec.
func suspended(n int, spec func() v1alpha1.SecretSyncSpec) func(*attacker) func(int) {
	return func(a *attacker) func(int) {
		a.syncs(n, func(int) v1alpha1.SecretSyncSpec {
			made := spec()
			made.Suspend = true
			return made
		})
		return nil
	}
}

// manySecrets is an attack by n SecretSyncs, each with many large secrets in one Secret.
func manySecrets(n, each, size int, more func(i int, spec *v1alpha1.SecretSyncSpec)) func(*attacker) func(int) {
	return func(a *attacker) func(int) {
		content := strings.Repeat("x", size)
		for i := range each {
			a.secret(fmt.Sprintf("large-%d", i), content)
		}
		// A SecretSync that has not been synced yet reads each of them: at its start, and after each change event, which
		// may come before its turn.
		reads := int64(n * each)
		a.edits.Add(reads)
		a.syncs(n, func(i int) v1alpha1.SecretSyncSpec {
			var spec v1alpha1.SecretSyncSpec
			for n := range each {
				spec.Data = append(spec.Data, v1alpha1.DataKey{Key: fmt.Sprintf("k-%d", n), Source: &v1alpha1.EntrySource{SecretID: a.secrets[n]}})
			}
			more(i, &spec)
			return spec
		})
		return func(round int) {
			a.edits.Add(reads)
			a.renew(a.secrets[round%each], content+fmt.Sprint(round))
		}
	}
}

func typedRow(name, content, kind string, guards *v1alpha1.Guards, ends ...string) row {
	return row{name: name, ends: ends, attack: attackOf(30, content, func(id string, _ int) v1alpha1.SecretSyncSpec {
		spec := whole(id)
		spec.Target.Type, spec.Guards = kind, guards
		return spec
	})}
}

// pairs are key pairs, each of which has to be parsed.
func pairs(t *testing.T) (content string, guards *v1alpha1.Guards) {
	t.Helper()
	chain, key := certificate(t)
	texts := map[string]string{}
	guards = &v1alpha1.Guards{}
	for i := range 16 {
		certificate, private := fmt.Sprintf("tls-%d.crt", i), fmt.Sprintf("tls-%d.key", i)
		texts[certificate], texts[private] = strings.Repeat(chain, 3_000/len(chain)+1), key
		guards.KeyPairs = append(guards.KeyPairs, v1alpha1.KeyPairGuard{Certificate: certificate, PrivateKey: private})
	}
	return object(texts), guards
}

// required are 256 keys that must exist.
func required() (keys []string) {
	for i := range 256 {
		keys = append(keys, fmt.Sprintf("field-%d", i))
	}
	return keys
}

// annotated is an attack by the metadata of Secrets that the attacker creates as if the operator managed them.
func annotated(a *attacker) func(int) {
	a.many(200, func(i int) client.Object {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: nameOf(i), Labels: map[string]string{v1alpha1.LabelManaged: "true"},
			Annotations: map[string]string{v1alpha1.AnnotationOwner: "nothing", "attacker.example.com/filler": strings.Repeat("x", 200_000)}}}
	})
	return func(round int) {
		a.patch(100, &corev1.Secret{}, fmt.Sprintf(`{"metadata":{"annotations":{"attacker.example.com/round":"%d"}}}`, round))
	}
}

func TestBesideSizes(t *testing.T) {
	const synced, invalid, rejected = v1alpha1.ReasonSynced, v1alpha1.ReasonInvalidValue, v1alpha1.ReasonValueRejected
	chain, key := certificate(t)
	pairsOfKeys, guards := pairs(t)
	deep := strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000)
	large := strings.Repeat("x", 60_000)
	beside(t, newSetup(t), []row{
		refusing(row{"spec, as large as it may be, suspended", suspended(100, func() v1alpha1.SecretSyncSpec { return templates("/nothing", 2, large) }), []string{v1alpha1.ReasonSuspended}},
			"all templates may have at most 131072 characters", func(spec *v1alpha1.SecretSyncSpec) { spec.Template = templates("", 17, large).Template }),
		{"metadata.annotations, 250 kB", func(a *attacker) func(int) {
			id := a.secret("db", "x")
			a.objects.Add(40)
			a.many(40, func(i int) client.Object {
				made := a.sync(i, whole(id))
				made.Annotations = map[string]string{"attacker.example.com/filler": strings.Repeat("x", 250_000)}
				return made
			})
			return func(round int) { a.refresh(40, round) }
		}, []string{synced}},
		{"data, Secrets of 1 MB", manySecrets(30, 17, 60_000, func(int, *v1alpha1.SecretSyncSpec) {}), []string{synced}},
		{"data, 32 roles that read 256 secrets of 60 kB", func(a *attacker) func(int) {
			const roles, secrets = 32, 256
			a.questions.Add((roles - 1) * secrets) // Each role reads on its own.
			return manySecrets(roles, secrets, 60_000, func(i int, spec *v1alpha1.SecretSyncSpec) {
				spec.Auth.RoleARN = roleARN(fmt.Sprint("reader-", i))
			})(a)
		}, []string{v1alpha1.ReasonTargetTooLarge}},
		{"data.decode, Secrets of 1 MB", func(a *attacker) func(int) {
			return attackOf(20, base64.StdEncoding.EncodeToString([]byte(large[:40_000])), func(id string, _ int) v1alpha1.SecretSyncSpec {
				spec := whole(id)
				for i := range 512 {
					spec.Data = append(spec.Data, v1alpha1.DataKey{Key: fmt.Sprintf("k-%d", i), Decode: v1alpha1.DecodingBase64})
				}
				return spec
			})(a)
		}, []string{v1alpha1.ReasonTargetTooLarge}},
		{"keepPrevious, Secrets of 1 MB", func(a *attacker) func(int) {
			const secrets = 8
			a.questions.Add(secrets) // Two versions of each secret are read.
			return manySecrets(10, secrets, 60_000, func(_ int, spec *v1alpha1.SecretSyncSpec) {
				spec.KeepPrevious = &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: time.Hour}}
			})(a)
		}, []string{synced}},
		refusing(row{"target.annotations, as large as they may be", attackOf(30, "x", func(id string, _ int) v1alpha1.SecretSyncSpec {
			spec := whole(id)
			spec.Target.Annotations = map[string]v1alpha1.AnnotationValue{
				"attacker.example.com/filler": v1alpha1.AnnotationValue(large[:16_000]), "attacker.example.com/more": v1alpha1.AnnotationValue(large[:16_000])}
			return spec
		}), []string{synced}}, "all target.annotations may have at most 32768 characters", func(spec *v1alpha1.SecretSyncSpec) {
			filler := v1alpha1.AnnotationValue(large[:16_384])
			spec.Target.Annotations = map[string]v1alpha1.AnnotationValue{"attacker.example.com/a": filler, "attacker.example.com/b": filler}
		}),
		{"target.labels, 64", attackOf(50, "x", func(id string, _ int) v1alpha1.SecretSyncSpec {
			spec := whole(id)
			spec.Target.Labels = map[string]v1alpha1.LabelValue{}
			for i := range 64 {
				spec.Target.Labels[fmt.Sprintf("attacker.example.com/label-%d", i)] = v1alpha1.LabelValue(strings.Repeat("x", 63))
			}
			return spec
		}), []string{synced}},
		{"template.metadata, as large as it may be", attackOf(30, "x", func(id string, _ int) v1alpha1.SecretSyncSpec {
			spec := whole(id)
			spec.Template = &v1alpha1.Template{Metadata: &v1alpha1.TemplateMetadata{
				Labels:          map[string]string{"attacker.example.com/a": `{{ range $i := splitList "" (repeat 500 "x") }}{{ $i | trunc 0 }}{{ end }}`},
				AnnotationsFrom: `{{ range $i, $x := splitList "" (repeat 64 "x") }}attacker.example.com/a{{ $i }}: {{ repeat 480 "y" }}{{ "\n" }}{{ end }}`,
			}}
			return spec
		}), []string{synced}},
		{"template.metadata, which does not end", attackOf(30, "x", func(id string, _ int) v1alpha1.SecretSyncSpec {
			spec := whole(id)
			spec.Template = &v1alpha1.Template{Metadata: &v1alpha1.TemplateMetadata{LabelsFrom: `{{ range 1000000000 }}{{ repeat 1000 "x" | trunc 0 }}{{ end }}`}}
			return spec
		}), []string{v1alpha1.ReasonTemplateFailed}},
		{"guards.keys.format, deep JSON", attackOf(30, deep, func(id string, _ int) v1alpha1.SecretSyncSpec {
			return guarded(id, v1alpha1.KeyGuard{Key: "*", Format: v1alpha1.ValueFormatJSON})
		}), []string{synced, rejected, invalid}},
		{"guards.keys.format, certificates", attackOf(30, strings.Repeat(chain, 60_000/len(chain)), func(id string, _ int) v1alpha1.SecretSyncSpec {
			return guarded(id, v1alpha1.KeyGuard{Key: "*", Format: v1alpha1.ValueFormatCertificate})
		}), []string{synced}},
		{"guards.requiredKeys, 256", attackOf(30, fields(3000, 1), func(id string, _ int) v1alpha1.SecretSyncSpec {
			spec := whole(id)
			spec.Guards = &v1alpha1.Guards{RequiredKeys: required()}
			return spec
		}), []string{synced}},
		typedRow("guards.keyPairs, 16", pairsOfKeys, "", guards, synced),
		typedRow("target.type, kubernetes.io/tls", object(map[string]string{"tls.crt": strings.Repeat(chain, 50_000/len(chain)), "tls.key": key}), "kubernetes.io/tls", nil, synced),
		typedRow("target.type, dockerconfigjson", object(map[string]string{".dockerconfigjson": `{"auths":{` + fields(2000, 1)[1:] + `}`}), "kubernetes.io/dockerconfigjson", nil, synced, rejected, invalid),
		typedRow("target.type, ssh-auth", object(map[string]string{"ssh-privatekey": strings.Repeat(key, 50_000/len(key))}), "kubernetes.io/ssh-auth", nil, synced, rejected, invalid),
		{"Secrets that call themselves the operator's", annotated, nil},
	})
}
