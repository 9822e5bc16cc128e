package localaws

import (
	"regexp"
	"strings"
)

// rolePattern finds the account and the name, with its path, of a role's ARN.
var rolePattern = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}):role/(.+)$`)

// assumedARN names a session of a role. It drops the role's path.
func assumedARN(partition, account, roleName, sessionName string) string {
	return newARN(partition, "sts", "", account, "assumed-role/"+roleName[strings.LastIndex(roleName, "/")+1:]+"/"+sessionName)
}

// roleOf is the role of an assumed role's ARN, without the path, which that ARN does not have.
func roleOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	name, is := strings.CutPrefix(parts[5], "assumed-role/")
	if !is {
		return ""
	}
	name, _, _ = strings.Cut(name, "/")
	return newARN(parts[1], "iam", "", parts[4], "role/"+name)
}

// secretName gives the name in a secret's ARN, with the suffix if there is one, and the secret's place.
type secretName struct {
	at   place
	name string
}

// splitARN splits a secret's ARN; it is invalid without a name.
func splitARN(text string) (arn secretName, is bool) {
	parts := strings.SplitN(text, ":", 7)
	if len(parts) < 7 || parts[0] != "arn" || parts[2] != "secretsmanager" || parts[5] != "secret" || parts[6] == "" {
		return secretName{}, false
	}
	return secretName{at: place{account: parts[4], region: parts[3]}, name: parts[6]}, true
}

// accountOf is the account in an ARN; empty if the ARN is invalid.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}
