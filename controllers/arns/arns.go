// Package arns reads the ARNs of secrets, roles and principals, and the names in them.
//
// It may import the standard library and the SDK's package aws/arn.
package arns

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// suffix is as long as the random suffix that AWS puts behind the name of a secret: a hyphen and six characters.
const suffix = len("-a1B2c3")

// anySuffix stands for the suffix in a policy: an asterisk would match longer names too (page "Permissions policy
// examples for AWS Secrets Manager").
const anySuffix = "-??????"

// suffixForm is what the suffix looks like.
var suffixForm = regexp.MustCompile(`-[0-9A-Za-z]{6}$`)

// parse returns the parts of an ARN; they are empty for anything else. It asks IsARN first because arn.Parse makes an error
// for each name.
func parse(text string) arn.ARN {
	if !arn.IsARN(text) {
		return arn.ARN{}
	}
	parts, _ := arn.Parse(text) // It takes whatever IsARN takes.
	return parts
}

// Is says whether a text is meant to be an ARN, and not a name: a name has no colon.
func Is(text string) bool { return strings.HasPrefix(text, "arn:") }

// Region is the region in the ARN of a secret, full or partial; empty for anything else.
func Region(secretID string) string {
	parts := parse(secretID)
	if !strings.Contains(parts.Resource, ":") {
		return ""
	}
	return parts.Region
}

// Account is the account in an ARN; empty for anything else.
func Account(text string) string {
	return parse(text).AccountID
}

// Partition is the partition in an ARN; empty for anything else.
func Partition(text string) string {
	return parse(text).Partition
}

// Secret is what the ARN of a secret says.
type Secret struct {
	Region, Account string
	// Name ends in the random suffix if the ARN is full.
	Name string
}

// ParseSecret parses the ARN of a secret, full or partial. It is not ok for anything else.
func ParseSecret(secretID string) (Secret, bool) {
	parts := parse(secretID)
	name, ok := strings.CutPrefix(parts.Resource, "secret:")
	if !ok || parts.Service != "secretsmanager" {
		return Secret{}, false
	}
	return Secret{Region: parts.Region, Account: parts.AccountID, Name: name}, true
}

// InRegion is the ARN of a secret's replica in another region: nothing else of it differs (page "Replicate secrets across
// Regions"). What is no ARN stays as it is.
func InRegion(secretID, region string) string {
	if _, ok := ParseSecret(secretID); !ok {
		return secretID
	}
	parts := parse(secretID)
	parts.Region = region
	return parts.String()
}

// WithoutSuffix cuts off the random suffix of a name, or what looks like it: a name may end in a hyphen and six characters
// itself. It is not ok if there is no suffix.
func WithoutSuffix(name string) (string, bool) {
	if len(name) <= suffix || name[len(name)-suffix] != '-' {
		return "", false
	}
	return name[:len(name)-suffix], true
}

// Partial is the full ARN of a secret without its random suffix, as callers may name it (page "GetSecretValue", SecretId).
func Partial(full string) string { return full[:max(0, len(full)-suffix)] }

// NameOf is the name in the full ARN of a secret.
func NameOf(full string) string { return Tail(Partial(full)) }

// Tail is the name in a secret's ARN together with the suffix, if it has one; of a name it is the name. It is asked at each
// poll, and so does not parse, which allocates.
func Tail(secretID string) string {
	if !Is(secretID) {
		return secretID
	}
	rest := secretID
	for range 6 {
		_, after, found := strings.Cut(rest, ":")
		if !found {
			return rest
		}
		rest = after
	}
	return rest
}

// TakenForFull says whether AWS takes a secret id for a full ARN (page "Finding a secret from a partial ARN").
func TakenForFull(secretID string) bool { return Is(secretID) && suffixForm.MatchString(secretID) }

// Pattern is how a policy names the secret of an ARN that may be partial. A digit or a capital letter tells the random
// suffix from the end of a name; one suffix in two hundred has neither.
func Pattern(secretARN string) string {
	if cut := len(secretARN) - suffix; cut > 0 && suffixForm.MatchString(secretARN[cut:]) &&
		strings.ContainsAny(secretARN[cut:], "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		return secretARN[:cut] + anySuffix
	}
	return secretARN + anySuffix
}

// PatternOfFull is how a policy names the secret of a full ARN, which always ends in the random suffix.
func PatternOfFull(full string) string {
	if cut := len(full) - suffix; cut > 0 && full[cut] == '-' {
		return full[:cut] + anySuffix
	}
	return full
}

// PatternOfName is how a policy names a secret whose ARN is not known.
func PatternOfName(partition, region, account, name string) string {
	return "arn:" + partition + ":secretsmanager:" + region + ":" + account + ":secret:" + name + anySuffix
}

// PatternFor is the pattern for a resource of which the caller knows the name: the ARN that AWS made of the name, with
// its suffix. It is empty where the resource is another one.
func PatternFor(resource, name string) string {
	partial := Partial(resource)
	if strings.HasSuffix(partial, ":secret:"+name) && resource[len(partial)] == '-' {
		return partial + anySuffix
	}
	return ""
}
