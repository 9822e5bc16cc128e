package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/accesspolicy"
	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/references"
	"github.com/secretsync/secretsync/controllers/source"
)

// aws is a command about a secret.
func (s *subject) aws(verb string, secret *v1alpha1.SecretSource, rest string) Fix {
	return Fix{Command, strings.TrimSpace(inAWS(verb, "--secret-id", secret) + " " + rest)}
}

// unknownSecret stands in a command for a secret that the operator does not name.
const unknownSecret = "SECRET_ID"

func inAWS(verb, flag string, secret *v1alpha1.SecretSource) string {
	text := fmt.Sprintf("aws secretsmanager %s %s %s", verb, flag, cmp.Or(secret.SecretID, unknownSecret))
	if region := references.Region(secret); region != "" {
		text += " --region " + region
	}
	return text
}

// concerned is the secret that the condition is about: the one that AWS has refused, or that the message names. Its
// SecretID is empty if the spec reads several and neither tells which.
func (s *subject) concerned() v1alpha1.SecretSource {
	refused := s.refusal()
	if !strings.HasPrefix(refused.Action, "secretsmanager:") || refused.Resource == "" || refused.Resource == "*" {
		return s.secretIn(s.message)
	}
	for secret := range references.Named(&s.Spec) {
		if secret.SecretID == refused.Resource {
			return secret
		}
	}
	return v1alpha1.SecretSource{SecretID: refused.Resource, Region: s.regionOf(refused.Resource)}
}

// regionOf is the region of a secret that the spec does not name; empty for one that its ARN has.
func (s *subject) regionOf(id string) string {
	if arns.Is(id) {
		return ""
	}
	return references.Region(&s.Spec.Source)
}

// secretARN is the ARN of a secret in a message.
var secretARN = regexp.MustCompile(`arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]+:secret:[0-9A-Za-z/_+=.@-]*[0-9A-Za-z/_+=@-]`)

// secretIn is the secret that a message is about: the first one of the spec that it names, or one that find has found. Of a
// spec that reads one secret it is that one.
func (s *subject) secretIn(message string) v1alpha1.SecretSource {
	var known []v1alpha1.SecretSource
	for secret := range references.Named(&s.Spec) {
		if names(message, secret.SecretID) {
			return secret
		}
		known = append(known, secret)
	}
	if found := secretARN.FindString(message); found != "" {
		return v1alpha1.SecretSource{SecretID: found}
	}
	if len(known) == 1 && !references.Finds(&s.Spec) {
		return known[0]
	}
	return v1alpha1.SecretSource{}
}

// names says whether a message has an id as a word of its own.
func names(message, id string) bool {
	const ofName = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/_+=@-"
	for rest := message; id != ""; {
		before, after, found := strings.Cut(rest, id)
		if !found {
			return false
		}
		ends := after == "" || !strings.ContainsRune(ofName, rune(after[0]))
		if len(after) > 1 && after[0] == '.' && after[1] != ' ' {
			ends = false
		}
		if begins := strings.HasSuffix(before, " ") || strings.HasSuffix(before, `"`) || before == ""; begins && ends {
			return true
		}
		rest = rest[len(before)+1:]
	}
	return false
}

// isSource says whether a secret is that of spec.source, and not that of an entry.
func (s *subject) isSource(secret *v1alpha1.SecretSource) bool {
	return secret.SecretID != "" && s.Spec.Source.SecretID == secret.SecretID
}

// describe describes the secret that the condition is about, by the caller's permissions.
func (s *subject) describe(ctx context.Context, id string, secret *v1alpha1.SecretSource) (*Described, error) {
	switch {
	case s.AWS == nil:
		return nil, errNotAsked
	case id == "":
		return nil, errNotNamed
	}
	return s.AWS.Describe(ctx, id, references.Region(secret))
}

var (
	errNotAsked = errors.New("AWS is not asked")
	errNotNamed = errors.New("the operator does not name the secret")
)

// undescribed is the finding for a secret that was not described.
func (s *subject) undescribed(err error, id string) Finding {
	switch {
	case errors.Is(err, ErrDenied):
		return Finding{Status: Unknown, Evidence: "you have no right " + rightDescribe(id).String(), Needs: []Right{rightDescribe(id)}}
	case errors.Is(err, errNotAsked) && s.NoAWS != "":
		return Finding{Status: Unknown, Evidence: s.NoAWS}
	}
	return Finding{Status: Unknown, Evidence: err.Error()}
}

// explained adds to what is broken why AWS does not explain it further.
func (s *subject) explained(found Finding, err error, id string) Finding {
	switch {
	case err == nil, errors.Is(err, ErrNoSecret), errors.Is(err, errNotNamed), errors.Is(err, errNotAsked):
		return found
	}
	missing := s.undescribed(err, id)
	if len(missing.Needs) == 0 {
		found.Evidence += "; AWS was not checked: " + missing.Evidence
	}
	return found.with(missing.Needs...)
}

func rulesPattern(ctx context.Context, s *subject) Finding {
	fix := Fix{Edit, "use a secret that the patterns allow the namespace, or read with a ServiceAccount of the namespace (spec.auth.serviceAccountRef)"}
	fixes, found := []Fix{fix}, broken(s.message)
	mine, none := s.inScope(ctx)
	if none != nil {
		found = found.with(none.Needs...)
	} else if patterns := mine[0].flags["secret-name-patterns"]; patterns != "" {
		fixes = append(fixes, Fix{Edit, "or let --secret-name-patterns of " + mine[0].String() + " allow it; it is " + patterns})
	}
	found.Fix = fixes
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
		return broken(s.message, Fix{Edit, "allow the operator secretsmanager:DescribeSecret on the secret, by which it sees the tag"})
	}
	described, err := s.describe(ctx, secret.SecretID, &secret)
	switch {
	case errors.Is(err, ErrNoSecret):
		return ok("")
	case err != nil:
		return s.undescribed(err, secret.SecretID)
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
		return broken(s.message, Fix{Edit, "merge into another Secret: set spec.target.name"})
	}
	return ok("")
}

func managerFind(_ context.Context, s *subject) Finding {
	if s.reason == v1alpha1.ReasonSecretNotFound && !strings.Contains(s.message, ".find matches no secret") {
		return ok("")
	}
	return broken(s.message, Fix{Edit, "correct namePrefix, namePattern and tags of find, or set optional on the entry"})
}

func managerSuffix(ctx context.Context, s *subject) Finding {
	secret := s.concerned()
	if !arns.TakenForFull(secret.SecretID) {
		return ok("")
	}
	name := arns.NameOf(secret.SecretID)
	described, err := s.describe(ctx, name, &secret)
	switch {
	case errors.Is(err, ErrNoSecret):
		return ok("")
	case err != nil:
		return s.undescribed(err, name)
	case described.ARN == secret.SecretID, arns.Account(described.ARN) != arns.Account(secret.SecretID):
		return ok("")
	}
	fixes := []Fix{{Edit, "replace the ARN by " + described.ARN}}
	if s.Spec.Source.SecretID == secret.SecretID {
		fixes = []Fix{s.edit(`{"spec":{"source":{"secretID":"` + described.ARN + `"}}}`)}
	}
	return broken(fmt.Sprintf("the secret was recreated: %s is now %s", secret.SecretID, described.ARN), fixes...)
}

func managerExists(ctx context.Context, s *subject) Finding {
	secret := s.concerned()
	found := broken(s.message, Fix{Command, inAWS("create-secret", "--name", &secret) + " --secret-string file://VALUE.json"}, Fix{Edit, "correct secretID of the entry"})
	if s.isSource(&secret) {
		found.Fix[1] = s.edit(`{"spec":{"source":{"secretID":"SECRET_ID"}}}`)
	}
	if arns.Is(secret.SecretID) {
		found.Fix = found.Fix[1:] // The random suffix of a new secret is another one.
	}
	described, err := s.describe(ctx, secret.SecretID, &secret)
	if err == nil {
		found.Evidence += "; you see " + described.ARN + ": compare its account and region with those of the operator"
	}
	return s.explained(found, err, secret.SecretID)
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
		found.Fix = []Fix{s.plugin("unpin")}
	default:
		found.Fix = []Fix{s.edit(`{"spec":{"source":{"versionStage":"` + v1alpha1.DefaultVersionStage + `"}}}`),
			s.aws("update-secret-version-stage", &secret, "--version-stage "+cmp.Or(secret.VersionStage, v1alpha1.DefaultVersionStage)+" --move-to-version-id VERSION_ID")}
	}
	return s.explained(found, err, secret.SecretID)
}

func managerAnswer(_ context.Context, s *subject) Finding {
	return broken(s.message, Fix{Edit, "correct what the message names; if AWS answers too slowly, divide the SecretSync"})
}

func throttle(_ context.Context, s *subject) Finding {
	return broken(s.message, s.edit(`{"spec":{"pollInterval":"15m"}}`), Fix{Edit, "or request a higher quota from AWS, or let the operator receive change events"})
}

func managerReached(_ context.Context, s *subject) Finding {
	return broken(s.message, Fix{Edit, "let the operator's pods reach Secrets Manager: look at spec.source.region, NetworkPolicies, proxies and the VPC endpoint"})
}
