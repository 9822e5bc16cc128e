package iam

import (
	"fmt"
	"strings"
	"testing"
)

const (
	here     = "111122223333"
	there    = "444455556666"
	readIt   = "secretsmanager:GetSecretValue"
	secretDB = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:/prod/payments/db-AbCdEf"
)

func TestLike(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "anything", true},
		{"", "", true},
		{"", "a", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"*b*d", "abcbd", true},
		{"*b*d", "abcbde", false},
		{"/prod/*-??????", "/prod/a/b-AbCdEf", true},
		{"/prod/db-??????", "/prod/db-of-others-AbCdEf", false},
		{"[a-z]", "b", false},
		{"[a-z]", "[a-z]", true},
		{`\*`, `\x`, true},
		{"é?", "éa", true},
		{"GET", "get", false},
	} {
		if got := Like(c.pattern, c.text); got != c.want {
			t.Errorf("%q like %q: %v, want %v", c.text, c.pattern, got, c.want)
		}
	}
}

func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	const rest = `"Action": "a:b", "Resource": "*"`
	for name, c := range map[string]struct{ policy, want string }{
		"no JSON":                 {`{`, "unexpected EOF"},
		"an unknown element":      {`{"Statement": {"Effect": "Allow", ` + rest + `, "Conditions": {}}}`, "Conditions"},
		"an effect of its own":    {`{"Statement": {"Effect": "allow", ` + rest + `}}`, `the effect is "allow"`},
		"no action":               {`{"Statement": [{"Effect": "Allow", "Resource": "*"}]}`, "one of Action and NotAction"},
		"action and its opposite": {`{"Statement": {"Effect": "Allow", "NotAction": "c:d", ` + rest + `}}`, "one of Action and NotAction"},
		"no resource":             {`{"Statement": {"Effect": "Allow", "Action": "a:b"}}`, "one of Resource and NotResource"},
		"a principal":             {`{"Statement": {"Effect": "Allow", "Principal": "*", ` + rest + `}}`, "names no principal"},
		"an unknown operator":     {`{"Statement": {"Effect": "Allow", ` + rest + `, "Condition": {"StringIs": {"a": "b"}}}}`, `"StringIs" is not known`},
		"a negated Bool":          {`{"Statement": {"Effect": "Allow", ` + rest + `, "Condition": {"NotBool": {"a": "b"}}}}`, `"NotBool" is not known`},
		"an object for a text":    {`{"Statement": {"Effect": "Allow", "Action": {"a": 1}, "Resource": "*"}}`, "neither a text nor a list"},
	} {
		if _, err := ParseIdentity(c.policy); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	for name, c := range map[string]struct{ policy, want string }{
		"no principal":               {`{"Statement": {"Effect": "Allow", "Action": "a:b"}}`, "one of Principal and NotPrincipal"},
		"a principal that is a text": {`{"Statement": {"Effect": "Allow", "Action": "a:b", "Principal": "me"}}`, `the principal is "me"`},
		"an unknown kind":            {`{"Statement": {"Effect": "Allow", "Action": "a:b", "Principal": {"Unknown": "*"}}}`, "Unknown"},
	} {
		if _, err := ParseResource(c.policy); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// tenant is a session as the operator has one for a namespace.
func tenant() Principal {
	return Principal{
		Account: here, ARN: "arn:aws:sts::111122223333:assumed-role/tenants/prod-payments", RoleARN: "arn:aws:iam::111122223333:role/app/tenants",
		UserID: "AROAX:prod-payments", Type: "AssumedRole", SourceIdentity: "prod",
		Tags: map[string]string{"kubernetes-namespace": "payments", "odd": "*", "Team": "Red"},
	}
}

func readDB(who Principal) *Request {
	asked := &Request{Principal: who, Action: readIt, Resource: secretDB, Account: here, Context: Context{}}
	asked.Context.Set("aws:RequestedRegion", "eu-west-1")
	asked.Context.Set("aws:ResourceTag/namespace", "payments")
	asked.Context.Set("secretsmanager:VersionStage", "AWSCURRENT")
	asked.Context.Set("aws:TagKeys", "one", "two")
	asked.Context.Set("aws:MultiFactorAuthPresent", "false")
	asked.Context.Set("sts:DurationSeconds", "900")
	asked.Context.Set("aws:CurrentTime", "2026-03-01T12:00:00.5Z")
	return asked
}

// TestConditions evaluates each condition for the same request: the tenant reads /prod/payments/db.
func TestConditions(t *testing.T) {
	for _, c := range []struct {
		condition string
		want      bool
	}{
		{`"StringEquals": {"aws:ResourceTag/namespace": "payments"}`, true},
		{`"StringEquals": {"AWS:resourcetag/Namespace": ["x", "payments"]}`, true},
		{`"StringEquals": {"aws:ResourceTag/namespace": "Payments"}`, false},
		{`"StringEquals": {"aws:ResourceTag/team": "payments"}`, false},
		{`"StringEquals": {"aws:ResourceTag/namespace": "pay*"}`, false},
		{`"StringLike": {"aws:ResourceTag/namespace": "pay*"}`, true},
		{`"StringLike": {"aws:ResourceTag/namespace": "Pay*"}`, false},
		{`"StringEqualsIgnoreCase": {"aws:ResourceTag/namespace": "PAYMENTS"}`, true},
		{`"StringNotEquals": {"aws:ResourceTag/namespace": ["x", "payments"]}`, false},
		{`"StringNotEquals": {"aws:ResourceTag/namespace": ["x", "y"]}`, true},
		{`"StringNotEquals": {"aws:ResourceTag/team": "x"}`, true},
		{`"StringNotLike": {"aws:ResourceTag/namespace": "p*"}`, false},
		{`"StringEqualsIfExists": {"aws:ResourceTag/team": "x"}`, true},
		{`"StringEqualsIfExists": {"aws:ResourceTag/namespace": "x"}`, false},
		{`"Null": {"aws:ResourceTag/team": "true"}`, true},
		{`"Null": {"aws:ResourceTag/team": false}`, false},
		{`"Null": {"aws:ResourceTag/namespace": "false"}`, true},
		{`"Bool": {"aws:MultiFactorAuthPresent": false}`, true},
		{`"Bool": {"aws:MultiFactorAuthPresent": "true"}`, false},
		{`"Bool": {"aws:SecureTransport": "true"}`, false},
		{`"ForAnyValue:StringEquals": {"aws:TagKeys": ["two", "three"]}`, true},
		{`"ForAnyValue:StringEquals": {"aws:TagKeys": "three"}`, false},
		{`"ForAnyValue:StringEquals": {"aws:Absent": "x"}`, false},
		{`"ForAllValues:StringEquals": {"aws:TagKeys": ["one", "two", "three"]}`, true},
		{`"ForAllValues:StringEquals": {"aws:TagKeys": ["one", "three"]}`, false},
		{`"ForAllValues:StringEquals": {"aws:Absent": "x"}`, true},
		{`"ForAnyValue:StringNotEquals": {"aws:TagKeys": "one"}`, true},
		{`"NumericLessThanEquals": {"sts:DurationSeconds": 900}`, true},
		{`"NumericGreaterThan": {"sts:DurationSeconds": "900"}`, false},
		{`"NumericEquals": {"aws:RequestedRegion": "1"}`, false},
		{`"DateLessThan": {"aws:CurrentTime": "2026-03-01T12:00:01Z"}`, true},
		{`"DateGreaterThan": {"aws:CurrentTime": "2026-03-01T12:00:01Z"}`, false},
		{`"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/app/*"}`, true},
		{`"ArnEquals": {"aws:PrincipalArn": "arn:aws:sts::111122223333:assumed-role/tenants/prod-payments"}`, false},
		{`"StringEquals": {"aws:PrincipalAccount": "111122223333", "aws:PrincipalType": "AssumedRole", "aws:SourceIdentity": "prod"}`, true},
		{`"StringEquals": {"aws:PrincipalTag/team": "Red"}`, true},
		{`"StringEquals": {"aws:PrincipalTag/team": "red"}`, false},
		{`"StringEquals": {"aws:ResourceTag/namespace": "${aws:PrincipalTag/kubernetes-namespace}"}`, true},
		{`"StringEquals": {"aws:ResourceTag/namespace": "${aws:PrincipalTag/Team}"}`, false},
		{`"StringEquals": {"aws:ResourceTag/namespace": "${aws:PrincipalTag/absent}"}`, false},
		{`"StringEquals": {"aws:ResourceTag/namespace": "${aws:PrincipalTag/absent, 'payments'}"}`, true},
		{`"StringLike": {"aws:ResourceTag/namespace": "${aws:PrincipalTag/odd}"}`, false},
		{`"StringLike": {"aws:ResourceTag/namespace": "${*}"}`, false},
		{`"StringEquals": {"aws:RequestedRegion": "eu-west-1"}, "StringNotEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}`, false},
		{`"StringEquals": {"aws:RequestedRegion": "eu-west-1", "secretsmanager:VersionStage": "AWSPREVIOUS"}`, false},
	} {
		policy, err := ParseIdentity(`{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {` + c.condition + `}}}`)
		if err != nil {
			t.Errorf("%s: %v", c.condition, err)
			continue
		}
		if got := (Policies{Identity: []*Policy{policy}}).Decide(readDB(tenant())).Allowed; got != c.want {
			t.Errorf("%s: allowed is %v", c.condition, got)
		}
	}
}

func TestActionsAndResources(t *testing.T) {
	for _, c := range []struct {
		elements string
		want     bool
	}{
		{`"Action": "secretsmanager:GetSecretValue", "Resource": "*"`, true},
		{`"Action": "SecretsManager:getsecretvalue", "Resource": "*"`, true},
		{`"Action": ["kms:*", "secretsmanager:Get*"], "Resource": "*"`, true},
		{`"Action": "secretsmanager:Describe*", "Resource": "*"`, false},
		{`"NotAction": "kms:*", "Resource": "*"`, true},
		{`"NotAction": "secretsmanager:*", "Resource": "*"`, false},
		{`"Action": "*", "Resource": "arn:aws:secretsmanager:*:*:secret:/prod/payments/db-??????"`, true},
		{`"Action": "*", "Resource": "arn:aws:secretsmanager:*:*:secret:/PROD/payments/db-??????"`, false},
		{`"Action": "*", "Resource": "arn:aws:secretsmanager:*:*:secret:/prod/payments/d-??????"`, false},
		{`"Action": "*", "Resource": ["x", "arn:aws:secretsmanager:*:*:secret:/prod/${aws:PrincipalTag/kubernetes-namespace}/*"]`, true},
		{`"Action": "*", "Resource": "arn:aws:secretsmanager:*:*:secret:/prod/${aws:PrincipalTag/Team}/*"`, false},
		{`"Action": "*", "Resource": "arn:aws:secretsmanager:*:*:secret:/prod/${aws:PrincipalTag/odd}/*"`, false},
		{`"Action": "*", "NotResource": "arn:aws:secretsmanager:*:*:secret:/prod/*"`, false},
		{`"Action": "*", "NotResource": "arn:aws:secretsmanager:*:*:secret:/dev/*"`, true},
	} {
		policy, err := ParseIdentity(`{"Statement": [{"Effect": "Allow", ` + c.elements + `}]}`)
		if err != nil {
			t.Errorf("%s: %v", c.elements, err)
			continue
		}
		if got := (Policies{Identity: []*Policy{policy}}).Decide(readDB(tenant())).Allowed; got != c.want {
			t.Errorf("%s: allowed is %v", c.elements, got)
		}
	}
}

const (
	allowAll = `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`
	denyAll  = `{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}`
)

// named is a resource's policy about one principal.
func named(effect, principal string) string {
	return fmt.Sprintf(`{"Statement": {"Effect": %q, "Principal": %s, "Action": "*"}}`, effect, principal)
}

// decided parses policies, of which empty ones are absent.
func decided(t *testing.T, ofAccount, identity, resource, session string) (Policies, *Request) {
	t.Helper()
	var all Policies
	var err error
	parsed := func(text string, parse func(string) (*Policy, error)) *Policy {
		if text == "" {
			return nil
		}
		var policy *Policy
		if policy, err = parse(text); err != nil {
			t.Fatal(err)
		}
		return policy
	}
	if own := parsed(identity, ParseIdentity); own != nil {
		all.Identity = []*Policy{own}
	}
	all.Resource, all.Session = parsed(resource, ParseResource), parsed(session, ParseIdentity)
	who := tenant()
	who.Account = ofAccount
	who.ARN, who.RoleARN = strings.Replace(who.ARN, here, ofAccount, 1), strings.Replace(who.RoleARN, here, ofAccount, 1)
	return all, readDB(who)
}

// TestPoliciesTogether is the table of page "Policy evaluation logic". An empty text allows.
func TestPoliciesTogether(t *testing.T) {
	const (
		ownRole          = `{"AWS": "arn:aws:iam::111122223333:role/app/tenants"}`
		root             = `{"AWS": "arn:aws:iam::111122223333:root"}`
		otherAccount     = `{"AWS": "444455556666"}`
		noIdentityAllows = "because no identity-based policy allows the secretsmanager:GetSecretValue action"
		noResourceAllows = "because no resource-based policy allows the secretsmanager:GetSecretValue action"
		denied           = "with an explicit deny in a"
	)
	for name, c := range map[string]struct {
		account, identity, resource, session string
		optional, owned                      string
	}{
		"no policy allows":                                {here, "", "", "", noIdentityAllows, "-"},
		"the identity allows":                             {here, allowAll, "", "", "", "-"},
		"the resource names the role":                     {here, "", named("Allow", ownRole), "", "", ""},
		"the resource names the session":                  {here, "", named("Allow", `{"AWS": "arn:aws:sts::111122223333:assumed-role/tenants/prod-payments"}`), "", "", ""},
		"the resource names *":                            {here, "", named("Allow", `"*"`), "", "", ""},
		"the resource names another role":                 {here, "", named("Allow", `{"AWS": "arn:aws:iam::111122223333:role/tenants"}`), "", noIdentityAllows, "-"},
		"the resource leaves it to the account":           {here, "", named("Allow", root), "", noIdentityAllows, noIdentityAllows},
		"the resource and the account agree":              {here, allowAll, named("Allow", root), "", "", ""},
		"the identity denies":                             {here, denyAll, named("Allow", ownRole), "", denied + "n identity-based policy", denied + "n identity-based policy"},
		"the resource denies the role":                    {here, allowAll, named("Deny", ownRole), "", denied + " resource-based policy", denied + " resource-based policy"},
		"the resource denies the account":                 {here, allowAll, named("Deny", root), "", denied + " resource-based policy", denied + " resource-based policy"},
		"the resource denies all others":                  {here, allowAll, `{"Statement": {"Effect": "Deny", "NotPrincipal": ` + ownRole + `, "Action": "*"}}`, "", "", "-"},
		"the resource denies all but another":             {here, allowAll, `{"Statement": {"Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::111122223333:role/x"}, "Action": "*"}}`, "", denied + " resource-based policy", denied + " resource-based policy"},
		"the session's policy allows":                     {here, allowAll, "", allowAll, "", "-"},
		"the session's policy is silent":                  {here, allowAll, named("Allow", ownRole), `{"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}`, "because no session policy allows the secretsmanager:GetSecretValue action", "because no session policy allows the secretsmanager:GetSecretValue action"},
		"the session's policy denies":                     {here, allowAll, named("Allow", ownRole), denyAll, denied + " session policy", denied + " session policy"},
		"another account's own policies allow":            {there, allowAll, "", "", noResourceAllows, "-"},
		"another account is let in, and may not":          {there, "", named("Allow", otherAccount), "", noIdentityAllows, noIdentityAllows},
		"another account is let in, and may":              {there, allowAll, named("Allow", otherAccount), "", "", ""},
		"another account's role is let in, and may not":   {there, "", named("Allow", `{"AWS": "arn:aws:iam::444455556666:role/app/tenants"}`), "", noIdentityAllows, noIdentityAllows},
		"another account where a third account is let in": {there, allowAll, named("Allow", `{"AWS": "777788889999"}`), "", noResourceAllows, "-"},
		"another account is let in and denied by its own": {there, denyAll, named("Allow", otherAccount), "", denied + "n identity-based policy", denied + "n identity-based policy"},
	} {
		t.Run(name, func(t *testing.T) {
			all, asked := decided(t, c.account, c.identity, c.resource, c.session)
			if got := all.Decide(asked); got.Allowed != (c.optional == "") || !strings.HasPrefix(got.Because, c.optional) {
				t.Errorf("where a policy is optional: %+v, want %q", got, c.optional)
			}
			owned := strings.TrimPrefix(c.owned, "-")
			if got := all.DecideOwned(asked); got.Allowed != (c.owned == "") || !strings.HasPrefix(got.Because, owned) {
				t.Errorf("where a policy must allow: %+v, want %q", got, c.owned)
			}
		})
	}
}

func TestFederatedAndServicePrincipals(t *testing.T) {
	const provider = "arn:aws:iam::111122223333:oidc-provider/issuer.example"
	cases := map[string]struct {
		principal string
		who       Principal
		want      bool
	}{
		"the provider":         {`{"Federated": "` + provider + `"}`, Principal{Account: here, Federated: provider}, true},
		"another provider":     {`{"Federated": "` + provider + `/x"}`, Principal{Account: here, Federated: provider}, false},
		"the provider as AWS":  {`{"AWS": "` + provider + `"}`, Principal{Account: here, Federated: provider}, false},
		"all of AWS":           {`{"AWS": "*"}`, Principal{Account: here, Federated: provider}, false},
		"the service":          {`{"Service": ["ec2.amazonaws.com", "pods.eks.amazonaws.com"]}`, Principal{Account: here, Service: "pods.eks.amazonaws.com"}, true},
		"another service":      {`{"Service": "ec2.amazonaws.com"}`, Principal{Account: here, Service: "pods.eks.amazonaws.com"}, false},
		"a role for a service": {`{"Service": "pods.eks.amazonaws.com"}`, tenant(), false},
	}
	for name, c := range cases {
		policy, err := ParseResource(named("Allow", c.principal))
		if err != nil {
			t.Fatal(err)
		}
		if got := (Policies{Resource: policy}).DecideOwned(readDB(c.who)).Allowed; got != c.want {
			t.Errorf("%s: allowed is %v", name, got)
		}
	}
}
