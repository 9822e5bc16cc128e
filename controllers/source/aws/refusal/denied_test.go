package refusal

import (
	"strings"
	"testing"

	"github.com/secretsync/secretsync/controllers/source"
)

const (
	testPrincipal = "arn:aws:sts::111122223333:assumed-role/operator/session"
	testARN       = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:/prod/db-a1B2c3"
	testPattern   = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:/prod/db-??????"
)

// denialOf is AWS's text about GetSecretValue.
func denialOf(resource, tail string) string {
	return "User: " + testPrincipal + " is not authorized to perform: secretsmanager:GetSecretValue on resource: " + resource + " " + tail
}

func TestDenialsNameThePolicyAndTheNextStep(t *testing.T) {
	const allows = "allows the secretsmanager:GetSecretValue action"
	for name, test := range map[string]struct {
		message string
		mention []string
	}{
		"no identity-based policy allows it": {
			denialOf(testARN, "because no identity-based policy "+allows),
			[]string{"no policy allows it", "add a statement", "secretsmanager:GetSecretValue and secretsmanager:DescribeSecret on " + testPattern},
		},
		"no tail at all":                      {denialOf(testARN, ""), []string{"add a statement", testPattern}},
		"an identity-based policy denies it":  {denialOf(testARN, "with an explicit deny in an identity-based policy"), []string{"explicit Deny in a policy of this principal", "take the Deny out"}},
		"no resource-based policy allows it":  {denialOf(testARN, "because no resource-based policy "+allows), []string{"the secret's resource policy does not allow it", "add an Allow"}},
		"a resource-based policy denies it":   {denialOf(testARN, "with an explicit deny in a resource-based policy"), []string{"explicit Deny in the secret's resource policy", "take the Deny out"}},
		"a service control policy denies it":  {denialOf(testARN, "with an explicit deny in a service control policy"), []string{"an explicit Deny in a service control policy refuses it", "administrators"}},
		"no service control policy allows it": {denialOf(testARN, "because no service control policy "+allows), []string{"no service control policy", "administrators"}},
		"a resource control policy denies it": {denialOf(testARN, "with an explicit deny in a resource control policy"), []string{"resource control policy", "administrators"}},
		"no permissions boundary allows it":   {denialOf(testARN, "because no permissions boundary "+allows), []string{"permissions boundary does not allow it", testPattern}},
		"a permissions boundary denies it":    {denialOf(testARN, "with an explicit deny in a permissions boundary"), []string{"explicit Deny in a permissions boundary"}},
		"no session policy allows it":         {denialOf(testARN, "because no session policy "+allows), []string{"session policy", testPattern}},
		"no VPC endpoint policy allows it":    {denialOf(testARN, "because no VPC endpoint policy "+allows), []string{"the policy of the VPC endpoint", testPattern}},
		"a session policy denies it":          {denialOf(testARN, "with an explicit deny in a session policy"), []string{"an explicit Deny in a session policy refuses it", "let it allow"}},
		"a VPC endpoint policy denies it":     {denialOf(testARN, "with an explicit deny in a VPC endpoint policy"), []string{"an explicit Deny in a VPC endpoint policy refuses it", "let that policy allow"}},
		"a sentence that ends":                {denialOf(testARN+".", ""), []string{" on " + testARN + ": "}},
		"a text of another form":              {"Not today", []string{"the operator may not secretsmanager:GetSecretValue on /prod/db", "arn:aws:secretsmanager:eu-west-1:<account>:secret:/prod/db-??????"}},
	} {
		t.Run(name, func(t *testing.T) {
			refused := asked().denied(test.message)
			if refused.Kind != source.AccessDenied {
				t.Errorf("kind %s", refused.Kind)
			}
			if got := refused.Refusal; got == nil || got.Code != accessDenied || got.Action != "secretsmanager:GetSecretValue" || got.Resource == "" {
				t.Errorf("for programs: %+v", got)
			}
			for _, mention := range test.mention {
				if !strings.Contains(refused.Explanation, mention) {
					t.Errorf("%q does not mention %q", refused.Explanation, mention)
				}
			}
			if parsed := parseDenial(test.message); parsed.principal != "" && !strings.Contains(refused.Explanation, testPrincipal+" may not secretsmanager:GetSecretValue on ") {
				t.Errorf("%q does not say who may not do what", refused.Explanation)
			}
		})
	}
}

func TestStatementsNameASecretExactly(t *testing.T) {
	for name, test := range map[string]struct {
		principal, resource, secretID, want string
	}{
		"a full ARN loses its random characters":       {testPrincipal, testARN, testARN, testPattern},
		"random characters that look like a word":      {testPrincipal, "arn:aws:secretsmanager:eu-west-1:111122223333:secret:my-secret", "my", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:my-??????"},
		"a partial ARN gets them":                      {testPrincipal, strings.TrimSuffix(testARN, "-a1B2c3"), "", testPattern},
		"a partial ARN that ends in a word keeps it":   {testPrincipal, "arn:aws:secretsmanager:eu-west-1:111122223333:secret:my-secret", "", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:my-secret-??????"},
		"a name is completed from the principal":       {testPrincipal, "/prod/db", "/prod/db", testPattern},
		"a name that looks like a full ARN's end":      {testPrincipal, "db-a1B2c3", "db-a1B2c3", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-a1B2c3-??????"},
		"a name in the Chinese partition":              {"arn:aws-cn:iam::111122223333:user/u", "db", "db", "arn:aws-cn:secretsmanager:eu-west-1:111122223333:secret:db-??????"},
		"an ARN that was asked for goes before a name": {testPrincipal, "db", testARN, testPattern},
		"a name that only begins like the secret's":    {testPrincipal, "arn:aws:secretsmanager:eu-west-1:111122223333:secret:dbbbbbbb", "d", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:dbbbbbbb-??????"},
		"a name that ends in digits, without a dash":   {testPrincipal, "", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db12345678", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db12345678-??????"},
		"a principal that is no ARN":                   {"role:x:y", "db", "db", "arn:aws:secretsmanager:eu-west-1:<account>:secret:db-??????"},
		"a principal that breaks off":                  {"arn", "db", "db", "arn:aws:secretsmanager:eu-west-1:<account>:secret:db-??????"},
		"an ARN that is hardly one":                    {testPrincipal, "", "arn:x", "arn:x-??????"},
	} {
		c := asked()
		c.Ref.SecretID = test.secretID
		if got := c.pattern(denial{principal: test.principal, resource: test.resource}); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

func TestASecretOfAnotherAccountNeedsItsResourcePolicyToo(t *testing.T) {
	const foreign = "arn:aws:secretsmanager:eu-west-1:444455556666:secret:db-a1B2c3"
	for id, want := range map[string]bool{foreign: true, testARN: false, "/prod/db": false} {
		c := asked()
		c.Ref.SecretID = id
		explanation := c.denied(denialOf(id, "because no identity-based policy allows the secretsmanager:GetSecretValue action")).Explanation
		if got := strings.Contains(explanation, "resource policy"); got != want {
			t.Errorf("%s: mentions the resource policy: %v, want %v: %s", id, got, want, explanation)
		}
	}
}

func TestKMSIsNamedAsItIsCalledInChina(t *testing.T) {
	for region, host := range map[string]string{"cn-north-1": "secretsmanager.cn-north-1.amazonaws.com.cn", "eu-west-1": "secretsmanager.eu-west-1.amazonaws.com"} {
		c := asked()
		c.Region = region
		if got := c.KMSDenied("", "").Explanation; !strings.Contains(got, "kms:ViaService = "+host+" ") {
			t.Errorf("got %s", got)
		}
	}
}

func TestKMSIsAllowedToTheRoleThatReads(t *testing.T) {
	db, onTop := source.Ref{SecretID: "db"}, source.Identity{Namespace: "pay", ServiceAccount: "app", RoleARN: innerRole}
	for name, test := range map[string]struct {
		call Call
		want string
	}{
		"the operator, whose role is not known": {Call{Ref: db}, "the operator may read secret db but not decrypt it: allow kms:Decrypt on KMS key k in a policy of its role, and"},
		"the operator":                          {Call{Role: outerRole}, "a policy of role " + outerRole + ", and"},
		"a ServiceAccount":                      {Call{Ref: db, By: ofAccount()}, "ServiceAccount pay/app may read secret db but not decrypt it: allow kms:Decrypt on KMS key k in a policy of its role, and"},
		"a role on top":                         {Call{By: onTop, OwnRole: outerRole}, "a policy of role " + innerRole + ", and"},
	} {
		if got := test.call.KMSDenied("k", "").Explanation; !strings.Contains(got, test.want) {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// A policy that was meant for one secret may refuse a list, and a batch is refused for a secret in it.
func TestADenialSpeaksOfTheActionThatIsDenied(t *testing.T) {
	const deny = " with an explicit deny in an identity-based policy"
	denied := func(operation, action, tail string) string {
		c := asked()
		c.Operation = operation
		return c.denied("User: " + testPrincipal + " is not authorized to perform: secretsmanager:" + action + " on resource: " + testARN + tail).Explanation
	}
	for name, test := range map[string]struct {
		said, mention, not string
	}{
		"a list":                     {denied(listSecrets, listSecrets, ""), "secretsmanager:ListSecrets on *: a list cannot be allowed for some secrets alone", testPattern},
		"a list, explicitly":         {denied(listSecrets, listSecrets, deny), "take the Deny out: dataFrom.find needs secretsmanager:ListSecrets on *", "except this secret"},
		"a read, explicitly":         {denied(getOperation, getOperation, deny), "take the Deny out, or except this secret", "dataFrom.find"},
		"what a batch is allowed by": {denied(batchOperation, getOperation, ""), "may not secretsmanager:GetSecretValue on", batchOperation},
	} {
		if !strings.Contains(test.said, test.mention) || strings.Contains(test.said, test.not) {
			t.Errorf("%s: it is said that %s", name, test.said)
		}
	}
}

func TestAReaderWithoutAnAccountIsNotTakenForAnothersAccount(t *testing.T) {
	c := asked()
	c.Ref.SecretID = testARN
	if got := c.denied("Not today").Explanation; strings.Contains(got, "resource policy") || !strings.Contains(got, testPattern) {
		t.Errorf("got %s", got)
	}
}

// TestADenialForPrograms has the parts of the text, without the sentence around them.
func TestADenialForPrograms(t *testing.T) {
	got := asked().denied(denialOf(testARN, "with an explicit deny in a service control policy")).Refusal
	want := source.Refusal{Code: "AccessDenied", Principal: testPrincipal, Action: "secretsmanager:GetSecretValue", Resource: testARN, Policy: "service control policy", Explicit: true}
	if *got != want {
		t.Errorf("%+v, want %+v", *got, want)
	}
	call := asked()
	call.By, call.Role = source.Identity{Namespace: "payments", ServiceAccount: "pay"}, "arn:aws:iam::111122223333:role/pay"
	key := call.KMSDenied("arn:aws:kms:eu-west-1:111122223333:key/1234", "").Refusal
	if want := (source.Refusal{Code: "AccessDenied", Principal: call.Role, Action: "kms:Decrypt", Resource: "arn:aws:kms:eu-west-1:111122223333:key/1234"}); *key != want {
		t.Errorf("%+v, want %+v", *key, want)
	}
	role := call.roleDenied("AssumeRoleWithWebIdentity", "Not authorized to perform sts:AssumeRoleWithWebIdentity").Refusal
	if want := (source.Refusal{Code: "AccessDenied", Principal: "system:serviceaccount:payments:pay", Action: "sts:AssumeRoleWithWebIdentity", Resource: call.Role}); *role != want {
		t.Errorf("%+v, want %+v", *role, want)
	}
	chained := call.roleDenied("AssumeRole", "User: "+testPrincipal+" is not authorized to perform: sts:TagSession on resource: arn:aws:iam::111122223333:role/next").Refusal
	if want := (source.Refusal{Code: "AccessDenied", Principal: testPrincipal, Action: "sts:TagSession", Resource: "arn:aws:iam::111122223333:role/next"}); *chained != want {
		t.Errorf("%+v, want %+v", *chained, want)
	}
}
