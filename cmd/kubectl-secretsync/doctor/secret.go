package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/accesspolicy"
	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/references"
	"github.com/secretsync/secretsync/controllers/source"
)

// aws is a command about a secret.
func (s *subject) aws(verb string, secret *v1alpha1.SecretSource, rest string) Mend {
	text := fmt.Sprintf("aws secretsmanager %s --secret-id %s", verb, secret.SecretID)
	if region := references.Region(secret); region != "" {
		text += " --region " + region
	}
	return Mend{Command, strings.TrimSpace(text + " " + rest)}
}

// concerned is the secret that the condition is about: the first one that the message names, or that of spec.source.
func (s *subject) concerned() v1alpha1.SecretSource {
	for secret := range references.Named(&s.Spec) {
		if secret.SecretID != "" && strings.Contains(s.message, " "+secret.SecretID+" ") {
			return secret
		}
	}
	return s.Spec.Source
}

// describe describes the secret that the condition is about, by the caller's permissions.
func (s *subject) describe(ctx context.Context, id string, secret *v1alpha1.SecretSource) (*Described, error) {
	if s.AWS == nil {
		return nil, errNotAsked
	}
	return s.AWS.Describe(ctx, id, references.Region(secret))
}

var errNotAsked = errors.New("AWS is not to be asked")

// unseen are the rights without which AWS was not asked.
func (s *subject) unseen(err error, id string) []Right {
	if err == nil || errors.Is(err, ErrNoSecret) || errors.Is(err, errNotAsked) {
		return nil
	}
	return []Right{rightDescribe(id)}
}

func rulesPattern(ctx context.Context, s *subject) Finding {
	mend := Mend{Edit, "use a secret that the patterns allow the namespace, or read with a ServiceAccount of the namespace (spec.auth.serviceAccountRef)"}
	mends, found := []Mend{mend}, broken(s.message)
	mine, none := s.inScope(ctx)
	if none != nil {
		found = found.with(none.Needs...)
	} else if patterns := mine[0].flags["secret-name-patterns"]; patterns != "" {
		mends = append(mends, Mend{Edit, "or let --secret-name-patterns of " + mine[0].String() + " allow it; it is " + patterns})
	}
	found.Mend = mends
	return found
}

func tagRule(o *operator) accesspolicy.TagRule {
	return accesspolicy.TagRule(o.flags["namespaces-tag"])
}

// usesTag says whether the tag of a secret decides which namespaces may have it.
func usesTag(o *operator) bool {
	return tagRule(o) == accesspolicy.TagHonor || tagRule(o) == accesspolicy.TagRequire
}

func rulesTag(ctx context.Context, s *subject) Finding {
	secret := s.concerned()
	if s.account() != "" || arns.Is(secret.SecretID) && s.AWS == nil {
		return ok("")
	}
	mine, none := s.inScope(ctx)
	if none != nil {
		return *none
	}
	if !usesTag(&mine[0]) {
		return absent("the operator has no rule about tags")
	}
	if s.reason == v1alpha1.ReasonPolicyDenied {
		if mine[0].flags["secret-name-patterns"] != "" {
			return ok("") // A refusal by the tag is that of a secret which does not exist.
		}
		return broken(s.message, Mend{Edit, "allow the operator secretsmanager:DescribeSecret on the secret, by which it sees the tag"})
	}
	described, err := s.describe(ctx, secret.SecretID, &secret)
	switch {
	case errors.Is(err, ErrNoSecret):
		return ok("")
	case err != nil:
		found := Finding{Status: Unknown, Evidence: "you may not describe the secret"}
		return found.with(s.unseen(err, secret.SecretID)...)
	}
	value, has := described.Tags[source.TagNamespaces]
	if slices.Contains(strings.Fields(value), s.Namespace) {
		return ok("")
	}
	if !has && tagRule(&mine[0]) == accesspolicy.TagHonor {
		return ok("")
	}
	names := strings.TrimSpace(value + " " + s.Namespace)
	return broken(fmt.Sprintf("the tag %s of the secret does not list namespace %s", source.TagNamespaces, s.Namespace),
		s.aws("tag-resource", &secret, fmt.Sprintf("--tags 'Key=%s,Value=%s'", source.TagNamespaces, names)))
}

func targetType(_ context.Context, s *subject) Finding {
	switch {
	case strings.HasPrefix(s.TargetName(), "sh.helm.release."):
		return broken("the Secret would be taken for a release of Helm", s.edit(`{"spec":{"target":{"name":"`+strings.ReplaceAll(s.Name, ".", "-")+`"}}}`))
	case s.Spec.Target.Labels["owner"] == "helm":
		return broken("the Secret would be taken for a release of Helm", s.edit(`{"spec":{"target":{"labels":{"owner":null}}}}`))
	}
	for name := range s.Spec.Target.Annotations {
		if strings.HasPrefix(name, "kubernetes.io/service-account.") {
			return broken("the annotation "+name+" lets Kubernetes hand out tokens", s.edit(`{"spec":{"target":{"annotations":{"`+name+`":null}}}}`))
		}
	}
	if s.Spec.Target.Merges() && strings.Contains(s.message, "merge into another Secret") {
		return broken(s.message, Mend{Edit, "merge into another Secret: set spec.target.name"})
	}
	return ok("")
}

func managerFind(_ context.Context, s *subject) Finding {
	if s.reason == v1alpha1.ReasonSecretNotFound && !strings.Contains(s.message, ".find matches no secret") {
		return ok("")
	}
	return broken(s.message, Mend{Edit, "correct namePrefix, namePattern and tags of find, or set optional on the entry"})
}

func managerSuffix(ctx context.Context, s *subject) Finding {
	secret := s.concerned()
	name := arns.NameOf(secret.SecretID)
	if name == "" {
		return ok("")
	}
	described, err := s.describe(ctx, name, &secret)
	if err != nil || described.ARN == secret.SecretID || arns.Account(described.ARN) != arns.Account(secret.SecretID) {
		return ok("").with(s.unseen(err, name)...)
	}
	mends := []Mend{{Edit, "replace the ARN by " + described.ARN}}
	if s.Spec.Source.SecretID == secret.SecretID {
		mends = []Mend{s.edit(`{"spec":{"source":{"secretID":"` + described.ARN + `"}}}`)}
	}
	return broken(fmt.Sprintf("the secret was recreated: %s is now %s", secret.SecretID, described.ARN), mends...)
}

func managerExists(ctx context.Context, s *subject) Finding {
	secret := s.concerned()
	create := Mend{Command, "aws secretsmanager create-secret --name " + secret.SecretID + " --secret-string file://VALUE.json"}
	if region := references.Region(&secret); region != "" {
		create.Text += " --region " + region
	}
	found := broken(s.message, create, s.edit(`{"spec":{"source":{"secretID":"SECRET_ID"}}}`))
	if arns.Is(secret.SecretID) {
		found.Mend = found.Mend[1:] // The random suffix of a new secret is another one.
	}
	described, err := s.describe(ctx, secret.SecretID, &secret)
	if err == nil {
		found.Evidence += "; you see " + described.ARN + ": compare its account and region with those of the operator"
	}
	return found.with(s.unseen(err, secret.SecretID)...)
}

func managerDeleted(_ context.Context, s *subject) Finding {
	secret := s.concerned()
	return broken(s.message, s.aws("restore-secret", &secret, ""))
}

func managerLabel(ctx context.Context, s *subject) Finding {
	secret := s.concerned()
	found := broken(s.message)
	described, err := s.describe(ctx, secret.SecretID, &secret)
	if err == nil && len(described.Labels) > 0 {
		found.Evidence += "; the secret has " + strings.Join(described.Labels, ", ")
	}
	switch {
	case s.Spec.Source.VersionID != "":
		found.Mend = []Mend{s.plugin("unpin")}
	default:
		found.Mend = []Mend{s.edit(`{"spec":{"source":{"versionStage":"` + v1alpha1.DefaultVersionStage + `"}}}`),
			s.aws("update-secret-version-stage", &secret, "--version-stage "+orElse(secret.VersionStage, v1alpha1.DefaultVersionStage)+" --move-to-version-id VERSION_ID")}
	}
	return found.with(s.unseen(err, secret.SecretID)...)
}

func managerAnswer(_ context.Context, s *subject) Finding {
	return broken(s.message, Mend{Edit, "correct what the message names; if AWS answers too slowly, divide the SecretSync"})
}

func throttle(_ context.Context, s *subject) Finding {
	return broken(s.message, s.edit(`{"spec":{"pollInterval":"15m"}}`), Mend{Edit, "or request a higher quota from AWS, or let the operator receive change events"})
}

func managerReached(_ context.Context, s *subject) Finding {
	return broken(s.message, Mend{Edit, "let the operator's pods reach Secrets Manager: look at spec.source.region, NetworkPolicies, proxies and the VPC endpoint"})
}
