package identity

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"

	"github.com/secretsync/secretsync/controllers/source"
)

func TestSessionsAreNamedAfterClusterNamespaceAndIdentity(t *testing.T) {
	p := NewProvider(Options{Cluster: "prod/eu 1"})
	long := strings.Repeat("n", 60)
	for name, test := range map[string]struct {
		who  source.Identity
		want string
	}{
		"a ServiceAccount":              {ofAccount("pay"), "prod-eu-1.pay.app"},
		"a role on top of the operator": {ofRole(innerRole), "prod-eu-1.pay.pay"},
		"a ServiceAccount with a role":  {source.Identity{Namespace: "pay", ServiceAccount: "app", RoleARN: outerRole}, "prod-eu-1.pay.app"},
		"names that are too long":       {source.Identity{Namespace: long, ServiceAccount: "app"}, "prod-eu-1." + strings.Repeat("n", 37) + "-" + "#"},
	} {
		got := p.sessionName(test.who)
		if want := strings.TrimSuffix(test.want, "#"); !strings.HasPrefix(got, want) || len(got) > maxSessionName || want == test.want && got != want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	other := source.Identity{Namespace: long, ServiceAccount: "other"}
	if p.sessionName(other) == p.sessionName(source.Identity{Namespace: long, ServiceAccount: "app"}) {
		t.Error("two long names are one")
	}
	p.options.Cluster = ""
	if got := p.sessionName(ofRole("not an ARN")); got != "pay.not-an-ARN" {
		t.Errorf("a role of any name has a session %q", got)
	}
	p.options.Cluster = "prod.eu"
	byDots := p.sessionName(source.Identity{Namespace: "team", ServiceAccount: "a"})
	p.options.Cluster = "prod"
	if got := p.sessionName(source.Identity{Namespace: "eu", ServiceAccount: "team.a"}); got == byDots {
		t.Errorf("in two clusters two ServiceAccounts have the sessions %s", got)
	}
	for _, cluster := range []string{"", "prod", "prod.eu"} {
		p.options.Cluster = cluster
		seen := map[string]source.Identity{}
		for _, who := range []source.Identity{
			{Namespace: "team", ServiceAccount: "a-prod"}, {Namespace: "team-a", ServiceAccount: "prod"},
			{Namespace: "eu", ServiceAccount: "team.a"}, {Namespace: "team", ServiceAccount: "a"}, {Namespace: "eu-team", ServiceAccount: "a"},
		} {
			got := p.sessionName(who)
			if other, taken := seen[got]; taken {
				t.Errorf("in cluster %q the sessions of %+v and %+v are both named %s", cluster, who, other, got)
			}
			seen[got] = who
		}
	}
}

// TestTagsAreWhatSTSTakes: no empty one, none that is too long, and no character that it refuses.
func TestTagsAreWhatSTSTakes(t *testing.T) {
	for name, test := range map[string]struct {
		cluster string
		who     source.Identity
		want    []string
	}{
		"a ServiceAccount":       {"prod", source.Identity{Namespace: "pay", ServiceAccount: "app"}, []string{"pay", "app", "prod"}},
		"without a cluster":      {"", source.Identity{Namespace: "pay"}, []string{"pay"}},
		"a cluster of any name":  {"prod#eu", source.Identity{Namespace: "pay"}, []string{"pay", "prod-eu"}},
		"a cluster of long name": {strings.Repeat("c", 300), source.Identity{Namespace: "pay"}, []string{"pay", strings.Repeat("c", 256)}},
	} {
		p := NewProvider(Options{SessionTags: true, Cluster: test.cluster})
		var set stscreds.AssumeRoleOptions
		p.tag(test.who, &set)
		var got []string
		for _, tag := range set.Tags {
			got = append(got, *tag.Value)
			if !slices.Contains(set.TransitiveTagKeys, *tag.Key) {
				t.Errorf("%s: tag %s is not handed on", name, *tag.Key)
			}
		}
		if strings.Join(got, " ") != strings.Join(test.want, " ") || len(set.TransitiveTagKeys) != len(test.want) {
			t.Errorf("%s: %q, of which %v are handed on", name, got, set.TransitiveTagKeys)
		}
	}
}

func TestNamesOfSessionsAreCutAndCleaned(t *testing.T) {
	if got := sanitized("AZaz09-_ \u00e4@", "@"); got != "AZaz09----@" {
		t.Errorf("%q", got)
	}
	exact := strings.Repeat("n", 64)
	if got := shortName(exact); got != exact {
		t.Errorf("%q", got)
	}
	p := NewProvider(Options{})
	if got := p.sessionName(source.Identity{Namespace: "pay", ServiceAccount: "app"}); got != "pay.app" {
		t.Errorf("without a cluster: %q", got)
	}
}

func TestSessionNamesAreWhatSTSTakes(t *testing.T) {
	for cluster, want := range map[string]string{
		"":                       "secretsync",
		"prod":                   "secretsync-prod",
		"arn:aws:eks:x:1:c/p":    "secretsync-arn-aws-eks-x-1-c-p",
		"ünï":                    "secretsync--n-",
		strings.Repeat("x", 100): "secretsync-" + strings.Repeat("x", 36) + "-" + "33f841abdd5da15c",
	} {
		if got := ownSessionName(cluster); got != want {
			t.Errorf("cluster %q gives %q, want %q", cluster, got, want)
		}
	}
}
