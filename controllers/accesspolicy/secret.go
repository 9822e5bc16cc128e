package accesspolicy

import "strings"

const (
	// arnParts are the parts of arn:<partition>:secretsmanager:<region>:<account>:secret:<name>.
	arnParts = 7
	// suffix is the length of the random end of an ARN: a hyphen and six characters.
	suffix = 7
)

// secret is what a rule goes by: the name, and the ARN without the random suffix where it is known.
type secret struct{ name, arn string }

// named are the secrets that an id may mean. A name means itself. An ARN may be full or partial, and only
// AWS knows which: its last seven characters may be the suffix, or belong to the name.
func named(secretID string) []secret {
	if !strings.HasPrefix(secretID, "arn:") {
		return []secret{{name: secretID}}
	}
	all := []secret{{name: nameIn(secretID), arn: secretID}}
	if full, ok := answered(secretID); ok {
		all = append(all, full)
	}
	return all
}

// answered is the secret of an ARN that AWS has answered with, which is always full; not ok is one that
// does not look like that.
func answered(arn string) (s secret, ok bool) {
	name := nameIn(arn)
	if len(name) <= suffix || name[len(name)-suffix] != '-' {
		return secret{}, false
	}
	return secret{name: name[:len(name)-suffix], arn: arn[:len(arn)-suffix]}, true
}

func nameIn(arn string) string {
	parts := strings.SplitN(arn, ":", arnParts)
	if len(parts) < arnParts {
		return ""
	}
	return parts[arnParts-1]
}
