package status

import (
	"strings"
	"testing"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func TestCut(t *testing.T) {
	for _, test := range []struct {
		text string
		most int
		want string
	}{
		{"short", 5, "short"},
		{"shorter", 6, "sho…"},
		{"ööö", 5, "ö…"}, // Never within a character.
		{"öööö", 6, "ö…"},
		{"\x80\x80\x80\x80\x80", 4, "…"}, // What is no text has no beginning.
		{"öö", 4, "öö"},
		{"", 5, ""},
	} {
		if got := cut(test.text, test.most); got != test.want {
			t.Errorf("cut(%q, %d) = %q, want %q", test.text, test.most, got, test.want)
		}
	}
}

// FuzzFit: whatever texts a status is made of, the API server takes it, and no text is cut twice.
func FuzzFit(f *testing.F) {
	f.Add("", 0)
	f.Add("ö\x00\xff", 70_000)
	f.Add("a role that is no role ", 200_000)
	f.Fuzz(func(t *testing.T, text string, length int) {
		if length &= 0x7ffff; text != "" {
			text = strings.Repeat(text, 1+length/len(text))
		}
		status := &v1alpha1.SecretSyncStatus{
			Conditions: []metav1.Condition{{Message: text}, {Message: "short"}},
			Sources:    []v1alpha1.SourceStatus{{Hint: text}},
			Secret:     &v1alpha1.SecretStatus{Warnings: []string{text, "short"}},
			Rollout:    &v1alpha1.RolloutStatus{Workloads: []v1alpha1.WorkloadStatus{{Message: text}}},
		}
		fit(status)
		once := status.DeepCopy()
		fit(status)
		for what, texts := range map[string]struct {
			once, twice string
			most        int
		}{
			"condition": {once.Conditions[0].Message, status.Conditions[0].Message, maxMessage},
			"hint":      {once.Sources[0].Hint, status.Sources[0].Hint, maxText},
			"warning":   {once.Secret.Warnings[0], status.Secret.Warnings[0], maxText},
			"workload":  {once.Rollout.Workloads[0].Message, status.Rollout.Workloads[0].Message, maxText},
		} {
			if len(texts.once) > texts.most {
				t.Errorf("%s has %d bytes of at most %d", what, len(texts.once), texts.most)
			}
			if texts.once != texts.twice {
				t.Errorf("%s has %d bytes, and is cut to %d the second time", what, len(texts.once), len(texts.twice))
			}
			if utf8.ValidString(text) && !utf8.ValidString(texts.once) {
				t.Errorf("%s was cut within a character", what)
			}
		}
		if status.Conditions[1].Message != "short" {
			t.Errorf("a short message was changed to %q", status.Conditions[1].Message)
		}
		if status.Secret.Warnings[1] != "short" {
			t.Errorf("a short warning was changed to %q", status.Secret.Warnings[1])
		}
	})
}
