package refusal

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/source"
)

// denial is what a refusal by a policy tells (page "Troubleshoot access denied error messages" of the
// IAM User Guide). Parts that the text does not have are empty.
type denial struct {
	principal, action, resource string
	// policy is the kind of policy that refused, for example identityBased.
	policy string
	// explicit says that a Deny statement refused, and not the lack of an Allow.
	explicit bool
}

// accessDenied is the code that denials have in status, whatever service denies.
const accessDenied = "AccessDenied"

// identityBased is the kind of policy that is the principal's own.
const identityBased = "identity-based policy"

// The parts of the text of a denial.
var (
	whoAndWhat    = regexp.MustCompile(`User: (\S+) is not authorized to perform: (\S+)(?: on resource: (\S+))?`)
	byWhichPolicy = regexp.MustCompile(`(because no|with an explicit deny in an?) (identity-based policy|resource-based policy|` +
		`service control policy|resource control policy|permissions boundary|session policy|VPC endpoint policy)`)
)

// parseDenial reads the two forms of the text: "... with an explicit deny in a <kind of policy>" and
// "... because no <kind of policy> allows the <action> action".
func parseDenial(message string) denial {
	var d denial
	if found := whoAndWhat.FindStringSubmatch(message); found != nil {
		d.principal, d.action, d.resource = found[1], found[2], strings.TrimRight(found[3], ".,")
	}
	if found := byWhichPolicy.FindStringSubmatch(message); found != nil {
		d.explicit, d.policy = found[1] != "because no", found[2]
	}
	return d
}

// denied explains AccessDeniedException, which AWS uses for Secrets Manager and for KMS.
func (c Call) denied(message string) *source.Error {
	d := parseDenial(message)
	if strings.HasPrefix(d.action, "kms:") || (d.action == "" && strings.Contains(message, "KMS")) {
		return c.KMSDenied(d.resource, "")
	}
	if d.principal == "" {
		d.principal = c.reader()
	}
	if d.action == "" {
		d.action = "secretsmanager:" + c.Operation
	}
	if d.resource == "" {
		d.resource = cmp.Or(c.Ref.SecretID, "*")
	}
	why, remedy := c.remedy(d)
	return &source.Error{Kind: source.AccessDenied, Refusal: d.refusal(), Explanation: fmt.Sprintf(
		"%s may not %s on %s: %s; %s", d.principal, d.action, d.resource, why, remedy)}
}

// refusal is the denial for programs.
func (d denial) refusal() *source.Refusal {
	return &source.Refusal{Code: accessDenied, Principal: d.principal, Action: d.action, Resource: d.resource, Policy: d.policy, Explicit: d.explicit}
}

// remedy is which policy refused, and the next step.
func (c Call) remedy(d denial) (why, next string) {
	statement := "secretsmanager:GetSecretValue and secretsmanager:DescribeSecret on " + c.pattern(d)
	if c.Operation == listSecrets {
		statement = "secretsmanager:ListSecrets on *: a list cannot be allowed for some secrets alone"
	}
	if d.explicit {
		why = "an explicit Deny in a " + d.policy + " refuses it"
		if d.policy == identityBased {
			why = "an explicit Deny in a policy of this principal refuses it"
		}
	}
	switch d.policy {
	case "resource-based policy":
		if d.explicit {
			return "an explicit Deny in the secret's resource policy refuses it", "take the Deny out of that policy, or except this principal"
		}
		return "the secret's resource policy does not allow it", "add an Allow for this principal to that policy"
	case "service control policy", "resource control policy":
		return cmp.Or(why, "no "+d.policy+" of the AWS organization allows it"), "ask the organization's administrators to change that policy"
	case "permissions boundary":
		return cmp.Or(why, "the principal's permissions boundary does not allow it"), "let the boundary allow " + statement
	case "session policy":
		return cmp.Or(why, "the session policy that the role was assumed with does not allow it"), "let it allow " + statement
	case "VPC endpoint policy":
		return cmp.Or(why, "the policy of the VPC endpoint does not allow it"), "let that policy allow " + statement
	}
	if d.explicit && c.Operation == listSecrets {
		return why, "take the Deny out: dataFrom.find needs secretsmanager:ListSecrets on *"
	}
	if d.explicit {
		return why, "take the Deny out, or except this secret"
	}
	next = "add a statement to a policy of this principal that allows " + statement
	if c.foreign(d) {
		next += ", and one to the secret's resource policy, as the secret is another account's"
	}
	return "no policy allows it", next
}

// foreign says that the secret belongs to another account than the principal.
func (c Call) foreign(d denial) bool {
	reader, owner := arns.Account(d.principal), arns.Account(c.Ref.SecretID)
	return reader != "" && owner != "" && reader != owner
}

// pattern is how a policy should name the secret.
func (c Call) pattern(d denial) string {
	if known := arns.PatternFor(d.resource, c.Ref.SecretID); known != "" {
		return known
	}
	for _, id := range []string{d.resource, c.Ref.SecretID} {
		if arns.Is(id) {
			return arns.Pattern(id)
		}
	}
	partition, account := cmp.Or(arns.Partition(d.principal), "aws"), cmp.Or(arns.Account(d.principal), "<account>")
	return arns.PatternOfName(partition, c.Region, account, c.Ref.SecretID)
}

// KMSDenied explains that a value may be read, but not decrypted. The key may be unknown; keyNote is
// what to say then.
func (c Call) KMSDenied(key, keyNote string) *source.Error {
	on := "the KMS key of the secret" + keyNote
	if key != "" {
		on = "KMS key " + key
	}
	role := "its role"
	if known := cmp.Or(c.By.RoleARN, c.Role); known != "" {
		role = "role " + known
	}
	via := fmt.Sprintf("secretsmanager.%s.amazonaws.com", c.Region)
	if strings.HasPrefix(c.Region, "cn-") {
		via += ".cn"
	}
	denied := &source.Refusal{Code: accessDenied, Principal: cmp.Or(c.By.RoleARN, c.Role), Action: "kms:Decrypt", Resource: key}
	return &source.Error{Kind: source.KMSAccessDenied, Refusal: denied, Explanation: fmt.Sprintf(
		"%s may read secret %s but not decrypt it: allow kms:Decrypt on %s in a policy of %s, and in the key's policy "+
			"where that does not leave it to IAM; the condition kms:ViaService = %s keeps it narrow", c.reader(), c.Ref.SecretID, on, role, via)}
}
