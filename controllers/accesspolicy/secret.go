package accesspolicy

import "github.com/secretsync/secretsync/controllers/arns"

// secret is what the rules are applied to: a secret's name, and its ARN without the random suffix where it is known.
type secret struct{ name, arn string }

// candidates are the secrets that an id may mean. A name means itself. An ARN may be full or partial, and only AWS
// knows which: its last seven characters may be the random suffix, or belong to the name.
func candidates(secretID string) []secret {
	if !arns.Is(secretID) {
		return []secret{{name: secretID}}
	}
	named, _ := arns.ParseSecret(secretID)
	all := []secret{{name: named.Name, arn: secretID}}
	if full, ok := fromFullARN(secretID); ok {
		all = append(all, full)
	}
	return all
}

// fromFullARN is the secret of a full ARN, as AWS returns it. It is not ok if the ARN does not look like a full ARN.
func fromFullARN(arn string) (s secret, ok bool) {
	full, _ := arns.ParseSecret(arn)
	name, ok := arns.WithoutSuffix(full.Name)
	if !ok {
		return secret{}, false
	}
	return secret{name: name, arn: arns.Partial(arn)}, true
}
