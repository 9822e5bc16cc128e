package e2e

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestFidelity: what is in AWS is in the Secret, byte for byte. Values are compared by length and
// content and never printed.
func TestFidelity(t *testing.T) {
	largest := make([]byte, mostBytes)
	_, _ = rand.Read(largest) // Never fails (package crypto/rand).
	everyByte := make([]byte, 256)
	for i := range everyByte {
		everyByte[i] = byte(i)
	}
	long := value() + strings.Repeat("x", 60000)
	for name, test := range map[string]struct {
		text   string
		binary []byte
		data   []v1alpha1.DataKey
		want   map[string]string
	}{
		"every byte, in binary":      {binary: everyByte, want: map[string]string{"value": string(everyByte)}},
		"the largest binary":         {binary: largest, want: map[string]string{"value": string(largest)}},
		"the largest text":           {text: strings.Repeat("ü", mostBytes/2), want: map[string]string{"value": strings.Repeat("ü", mostBytes/2)}},
		"a large field":              {text: `{"password":"` + long + `"}`, want: map[string]string{"password": long}},
		"white space around a text":  {text: " \n\ttoken\n", want: map[string]string{"value": " \n\ttoken\n"}},
		"letters of many scripts":    {text: `{"greeting":"grüß Gott, 你好, 👋","escaped":"\u00fc\ud83d\udc4b","null":"a\u0000b"}`, want: map[string]string{"greeting": "grüß Gott, 你好, 👋", "escaped": "ü👋", "null": "a\x00b"}},
		"names with dots and dashes": {text: `{"tls.crt":"a","user-name":"b","_x":"c","application.yaml":"d: e"}`, want: map[string]string{"tls.crt": "a", "user-name": "b", "_x": "c", "application.yaml": "d: e"}},
		"all that JSON knows":        {text: `{"i":12345678901234567890,"f":1.10,"e":1E+2,"t":true,"n":null,"o":{"b": [1, 2]},"a":["x" ],"s":""}`, want: map[string]string{"i": "12345678901234567890", "f": "1.10", "e": "1E+2", "t": "true", "n": "", "o": `{"b": [1, 2]}`, "a": `["x" ]`, "s": ""}},
		"properties by name and path": {
			text: `{"db.host":"literal","db":{"host":"nested","名前":"ü"}}`,
			data: []v1alpha1.DataKey{{Key: "LITERAL", Property: "db.host"}, {Key: "NESTED", Property: "db.名前"}, {Key: "WHOLE"}},
			want: map[string]string{"LITERAL": "literal", "NESTED": "ü", "WHOLE": `{"db.host":"literal","db":{"host":"nested","名前":"ü"}}`},
		},
		"JSON that is no object": {text: `["a", "b"]`, want: map[string]string{"value": `["a", "b"]`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			id := s.secretID("faithful")
			input := &secretsmanager.CreateSecretInput{Name: &id, SecretBinary: test.binary}
			if test.binary == nil {
				input.SecretString = &test.text
			}
			if _, err := s.aws.CreateSecret(t.Context(), input); err != nil {
				t.Fatal(err)
			}
			s.sync("faithful", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Data: test.data})
			s.awaitReady("faithful")
			got := s.secret("faithful").Data
			for key, want := range test.want {
				if !bytes.Equal(got[key], []byte(want)) {
					t.Errorf("key %q has %d bytes that are not the %d wanted", key, len(got[key]), len(want))
				}
			}
			if len(got) != len(test.want) {
				t.Errorf("%d keys, want %d", len(got), len(test.want))
			}
		})
	}
}
