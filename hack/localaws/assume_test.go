package localaws_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/secretsync/secretsync/hack/localaws"
)

const (
	accessDenied = "AccessDenied"
	mayAssume    = `{"Statement": {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"], "Resource": "*"}}`
)

// trusting is a trust policy for principals of AWS, with a condition.
func trusting(principal, actions, condition string) string {
	return fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": %q}, "Action": %s, "Condition": {%s}}]}`, principal, actions, condition)
}

const onlyAssume, andTag, andName = `"sts:AssumeRole"`, `["sts:AssumeRole", "sts:TagSession"]`, `["sts:AssumeRole", "sts:SetSourceIdentity"]`

func TestWhoMayAssumeARole(t *testing.T) {
	const (
		app      = "arn:aws:iam::111122223333:user/app"
		root     = "arn:aws:iam::111122223333:root"
		onRole   = " is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/"
		identity = " because no identity-based policy allows the sts:AssumeRole action"
	)
	ask := func(change func(*sts.AssumeRoleInput)) sts.AssumeRoleInput {
		input := sts.AssumeRoleInput{}
		change(&input)
		return input
	}
	plain, tagged := sts.AssumeRoleInput{}, sts.AssumeRoleInput{Tags: sessionTags("kubernetes-namespace", "payments")}
	named := sts.AssumeRoleInput{SourceIdentity: aws.String("prod")}
	external := func(id string) sts.AssumeRoleInput {
		return ask(func(i *sts.AssumeRoleInput) { i.ExternalId = aws.String(id) })
	}
	s := newGuardedSetup(t)
	for i, c := range []struct {
		name, trust, own string
		input            sts.AssumeRoleInput
		// denied is the denial's text after the user; empty if the call is allowed. R stands for the role's name.
		denied string
	}{
		{"the trust policy names the user", trusting(app, onlyAssume, ""), "", plain, ""},
		{"it names another user", trusting(app+"2", onlyAssume, ""), mayAssume, plain, onRole + "R"},
		{"it names the account, and the user may", trusting(root, onlyAssume, ""), mayAssume, plain, ""},
		{"it names the account, and the user may not", trusting(root, onlyAssume, ""), "", plain, onRole + "R" + identity},
		{"it names another account", trusting(otherAccount, onlyAssume, ""), mayAssume, plain, onRole + "R"},
		{"the user is denied", trusting(app, onlyAssume, ""), `{"Statement": {"Effect": "Deny", "Action": "sts:*", "Resource": "*"}}`, plain, onRole + "R with an explicit deny in an identity-based policy"},
		{"the trust policy denies", strings.Replace(trusting(app, onlyAssume, ""), "Allow", "Deny", 1), mayAssume, plain, onRole + "R with an explicit deny in the role trust policy"},
		{"the external id is right", trusting(app, onlyAssume, `"StringEquals": {"sts:ExternalId": "e-1"}`), "", external("e-1"), ""},
		{"the external id is wrong", trusting(app, onlyAssume, `"StringEquals": {"sts:ExternalId": "e-1"}`), "", external("e-2"), onRole + "R"},
		{"the external id is missing", trusting(app, onlyAssume, `"StringEquals": {"sts:ExternalId": "e-1"}`), "", plain, onRole + "R"},
		{"the session's name is wanted so", trusting(app, onlyAssume, `"StringLike": {"sts:RoleSessionName": "prod-*"}`), "", ask(func(i *sts.AssumeRoleInput) { i.RoleSessionName = aws.String("prod-1") }), ""},
		{"the session's name is another", trusting(app, onlyAssume, `"StringLike": {"sts:RoleSessionName": "prod-*"}`), "", plain, onRole + "R"},
		{"tags are welcome", trusting(app, andTag, ""), "", tagged, ""},
		{"tags are not", trusting(app, onlyAssume, ""), "", tagged, " is not authorized to perform: sts:TagSession on resource: arn:aws:iam::111122223333:role/R"},
		{"the tag is wanted so", trusting(app, andTag, `"StringEquals": {"aws:RequestTag/kubernetes-namespace": "payments"}`), "", tagged, ""},
		{"the tag is another", trusting(app, andTag, `"StringEquals": {"aws:RequestTag/kubernetes-namespace": "orders"}`), "", tagged, onRole + "R"},
		{"the tag is missing", trusting(app, andTag, `"StringEquals": {"aws:RequestTag/kubernetes-namespace": "payments"}`), "", plain, onRole + "R"},
		{"only known tags", trusting(app, andTag, `"ForAllValues:StringEquals": {"aws:TagKeys": "team"}`), "", tagged, onRole + "R"},
		{"a source identity is welcome", trusting(app, andName, ""), "", named, ""},
		{"a source identity is not", trusting(app, onlyAssume, ""), "", named, " is not authorized to perform: sts:SetSourceIdentity on resource: arn:aws:iam::111122223333:role/R"},
		{"the source identity is another", trusting(app, andName, `"StringEquals": {"sts:SourceIdentity": "dev"}`), "", named, onRole + "R"},
		{"the region is another", trusting(app, onlyAssume, `"StringEquals": {"aws:RequestedRegion": "us-east-1"}`), "", plain, onRole + "R"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var policies []string
			if c.own != "" {
				policies = append(policies, c.own)
			}
			role := fmt.Sprintf("r%d", i)
			c.input.RoleArn = aws.String(s.role(role, c.trust))
			_, err := s.session(s.user("app", policies...), &c.input)
			if c.denied == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refusedWhole(t, err, accessDenied, "User: "+app+strings.Replace(c.denied, "role/R", "role/"+role, 1))
		})
	}
}

func TestRolesThatDoNotExist(t *testing.T) {
	s := newGuardedSetup(t)
	_, err := s.session(s.user("app", everything), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111122223333:role/none")})
	refusedWhole(t, err, accessDenied, "User: arn:aws:iam::111122223333:user/app is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/none")
}

func TestRolesOfOtherAccounts(t *testing.T) {
	s := newGuardedSetup(t)
	arn, err := s.AddRole(localaws.Role{Account: otherAccount, Name: "shared", TrustPolicy: trusting("111122223333", onlyAssume, "")})
	must(t, arn, err)
	silent, allowed := s.user("silent"), s.user("allowed", mayAssume)
	_, err = s.session(silent, &sts.AssumeRoleInput{RoleArn: &arn})
	refusedWhole(t, err, accessDenied, "User: arn:aws:iam::111122223333:user/silent is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::444455556666:role/shared because no identity-based policy allows the sts:AssumeRole action")
	who, err := s.whoami(s.mustAssume(allowed, arn))
	if must(t, who, err) != "arn:aws:sts::444455556666:assumed-role/shared/s-1" {
		t.Errorf("the session is %s", who)
	}
}

func TestChainsOfRoles(t *testing.T) {
	s := newGuardedSetup(t)
	app := s.user("app", everything)
	first := s.role("path/first", accountTrust, mayAssume)
	second := s.role("second", trusting(first, `"sts:*"`, ""))
	silent := s.role("silent", trusting(first, onlyAssume, ""))
	byRequest := s.role("by-request", trusting(first, `"sts:*"`, `"StringEquals": {"aws:RequestTag/team": "red"}`))
	byTag := s.role("by-tag", trusting(first, `"sts:*"`, `"StringEquals": {"aws:PrincipalTag/team": "red"}`))
	input := &sts.AssumeRoleInput{RoleArn: &first, Tags: sessionTags("team", "red", "shade", "dark"), TransitiveTagKeys: []string{"team"}, SourceIdentity: aws.String("prod")}
	held, err := s.session(app, input)
	must(t, held, err)
	next := s.mustAssume(held, second, "size", "small")
	if _, err := s.whoami(next); err != nil {
		t.Fatal(err)
	}
	s.create("db", "x")
	_ = s.read(s.secrets(next), "db")
	call := s.lastCall("GetSecretValue")
	if want := map[string]string{"team": "red", "size": "small"}; !maps.Equal(call.SessionTags, want) || call.SourceIdentity != "prod" {
		t.Errorf("the chained session has tags %v and source identity %s, want %v and prod", call.SessionTags, call.SourceIdentity, want)
	}
	s.mustAssume(held, byTag)
	input.Tags, input.TransitiveTagKeys, input.SourceIdentity = nil, nil, nil
	plain, err := s.session(app, input)
	_, err = s.session(must(t, plain, err), &sts.AssumeRoleInput{RoleArn: &byTag})
	refused(t, err, accessDenied, "User: arn:aws:sts::111122223333:assumed-role/first/s-1 is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/by-tag")
	for name, c := range map[string]struct {
		input      sts.AssumeRoleInput
		code, text string
	}{
		"longer than an hour":         {sts.AssumeRoleInput{RoleArn: &second, DurationSeconds: aws.Int32(3601)}, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."},
		"a tag that is fixed":         {sts.AssumeRoleInput{RoleArn: &second, Tags: sessionTags("Team", "blue")}, "InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts"},
		"another source":              {sts.AssumeRoleInput{RoleArn: &second, SourceIdentity: aws.String("dev")}, "ValidationError", "The source identity cannot be changed"},
		"an inherited tag, asked for": {sts.AssumeRoleInput{RoleArn: &byRequest}, accessDenied, "User: arn:aws:sts::111122223333:assumed-role/first/s-1 is not authorized to perform: sts:AssumeRole on resource: " + byRequest},
		"tags go on, unwelcome":       {sts.AssumeRoleInput{RoleArn: &silent}, accessDenied, "User: arn:aws:sts::111122223333:assumed-role/first/s-1 is not authorized to perform: sts:TagSession on resource: " + silent},
	} {
		_, err := s.session(held, &c.input)
		t.Log(name)
		refused(t, err, c.code, c.text)
	}
}

func TestLimitsOfSessions(t *testing.T) {
	s := newGuardedSetup(t)
	app := s.user("app", everything)
	role := s.role("app", accountTrust)
	long, err := s.AddRole(localaws.Role{Name: "long", TrustPolicy: accountTrust, MaxSession: 4 * time.Hour})
	must(t, long, err)
	many := func(count int) []types.Tag {
		var all []string
		for i := range count {
			all = append(all, fmt.Sprintf("key-%d", i), "v")
		}
		return sessionTags(all...)
	}
	of := func(key, value string) sts.AssumeRoleInput { return sts.AssumeRoleInput{Tags: sessionTags(key, value)} }
	named := func(name string) sts.AssumeRoleInput { return sts.AssumeRoleInput{RoleSessionName: &name} }
	lasting := func(role string, seconds int32) sts.AssumeRoleInput {
		return sts.AssumeRoleInput{RoleArn: &role, DurationSeconds: &seconds}
	}
	const invalid = "1 validation error detected: Value '"
	for name, c := range map[string]struct {
		input      sts.AssumeRoleInput
		code, text string
	}{
		"a name of two":              {named("ab"), "", ""},
		"a name of 64":               {named(strings.Repeat("a", 64)), "", ""},
		"a name of one":              {named("a"), "ValidationError", invalid + "a' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2"},
		"a name of 65":               {named(strings.Repeat("a", 65)), "ValidationError", invalid},
		"a name with a slash":        {named("a/b"), "ValidationError", invalid + "a/b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"},
		"15 minutes":                 {lasting(role, 900), "", ""},
		"less":                       {lasting(role, 899), "ValidationError", invalid + "899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
		"more than twelve hours":     {lasting(long, 43201), "ValidationError", invalid + "43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200"},
		"more than the role's":       {lasting(role, 3601), "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		"as much as the role's":      {lasting(long, 14400), "", ""},
		"50 tags":                    {sts.AssumeRoleInput{Tags: many(50)}, "", ""},
		"51 tags":                    {sts.AssumeRoleInput{Tags: many(51)}, "ValidationError", invalid},
		"a key of 128":               {of(strings.Repeat("k", 128), "v"), "", ""},
		"a key of 129":               {of(strings.Repeat("k", 129), "v"), "ValidationError", invalid},
		"a value of 256":             {of("k", strings.Repeat("ä", 256)), "", ""},
		"a value of 257":             {of("k", strings.Repeat("v", 257)), "ValidationError", invalid},
		"a value with an asterisk":   {of("k", "*"), "ValidationError", invalid + "*' at 'tags.1.member.value'"},
		"one key twice":              {sts.AssumeRoleInput{Tags: sessionTags("Team", "a", "team", "b")}, "InvalidParameterValue", "Duplicate tag keys found."},
		"a key of AWS":               {of("aws:team", "v"), "InvalidParameterValue", "System tag keys cannot be specified by user."},
		"a transitive key of no tag": {sts.AssumeRoleInput{TransitiveTagKeys: []string{"team"}}, "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags."},
		"no role":                    {sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111122223333:user/app-user")}, "ValidationError", "arn:aws:iam::111122223333:user/app-user is invalid"},
		"a policy that is none":      {sts.AssumeRoleInput{Policy: aws.String("{}{")}, "MalformedPolicyDocument", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if c.input.RoleArn == nil {
				c.input.RoleArn = &role
			}
			_, err := s.session(app, &c.input)
			if c.code != "" {
				refused(t, err, c.code, c.text)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestASessionsOwnPolicyBoundsIt(t *testing.T) {
	s := newGuardedSetup(t)
	s.create("db", "x")
	role := s.role("app", accountTrust, everything)
	bound, err := s.session(s.user("app", everything), &sts.AssumeRoleInput{RoleArn: &role, Policy: aws.String(`{"Statement": {"Effect": "Allow", "Action": "secretsmanager:DescribeSecret", "Resource": "*"}}`)})
	refused(t, s.read(s.secrets(must(t, bound, err)), "db"), denied, "User: arn:aws:sts::111122223333:assumed-role/app/s-1 is not authorized to perform: secretsmanager:GetSecretValue on resource: "+
		aws.ToString(s.described("db").ARN)+" because no session policy allows the secretsmanager:GetSecretValue action")
}

func TestRevokedSessions(t *testing.T) {
	s := newGuardedSetup(t)
	arn := aws.ToString(s.create("db", "x").ARN)
	app, role := s.user("app", everything), s.role("app", accountTrust, everything)
	before := s.mustAssume(app, role)
	s.clock.forward(time.Second)
	must(t, "", s.RevokeSessions(role))
	refusedWhole(t, s.read(s.secrets(before), "db"), denied, "User: arn:aws:sts::111122223333:assumed-role/app/s-1 is not authorized to perform: secretsmanager:GetSecretValue on resource: "+arn+" with an explicit deny in an identity-based policy")
	if _, err := s.whoami(before); err != nil {
		t.Errorf("GetCallerIdentity, which cannot be denied: %v", err)
	}
	s.role("app", accountTrust, everything)
	refused(t, s.read(s.secrets(before), "db"), denied, "User: arn:aws:sts::111122223333:assumed-role/app/s-1")
	s.clock.forward(time.Second)
	if err := s.read(s.secrets(s.mustAssume(app, role)), "db"); err != nil {
		t.Errorf("a session that began later: %v", err)
	}
	if s.RevokeSessions("arn:aws:iam::111122223333:role/none") == nil {
		t.Error("sessions of a role that is not there were revoked")
	}
}

func TestRegionsWithoutSTS(t *testing.T) {
	s := newGuardedSetup(t)
	app := s.user("app", everything)
	s.DisableSTS(localaws.DefaultRegion, true)
	_, err := s.whoami(app)
	refusedWhole(t, err, "RegionDisabledException", "STS is not activated in this region for account:111122223333. Your account administrator can activate STS in this region using the IAM Console.")
	s.DisableSTS(localaws.DefaultRegion, false)
	if _, err := s.whoami(app); err != nil {
		t.Error(err)
	}
}
