package localaws_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"
)

// These tests check details that a local AWS easily gets wrong, by the service model, AWS's pages and seen answers of
// the real service.

const (
	validation  = "ValidationException"
	invalidName = "Invalid name. Must be a valid name containing alphanumeric characters"
	parameter   = "InvalidParameterException"
)

// putWith puts a value with a token.
func (s *setup) putWith(id, token, text string, stages ...string) (*secretsmanager.PutSecretValueOutput, error) {
	return s.PutSecretValue(s.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, ClientRequestToken: &token, SecretString: &text, VersionStages: stages})
}

// TestAPutThatIsSentAgainIsIgnored: it moves no label, and does not change the secret.
func TestAPutThatIsSentAgainIsIgnored(t *testing.T) {
	s := newSetup(t)
	s.create("db", "one")
	first, err := s.putWith("db", firstToken, "two")
	must(t, first, err)
	third := s.put("db", "three")
	before := s.described("db")
	s.clock.forward(time.Hour)
	for _, stages := range [][]string{nil, {"AWSCURRENT"}, {"blue"}} {
		again, err := s.putWith("db", firstToken, "two", stages...)
		if got := must(t, again, err); aws.ToString(got.VersionId) != firstToken || !slices.Equal(got.VersionStages, []string{"AWSPREVIOUS"}) {
			t.Errorf("answered %s %v", aws.ToString(got.VersionId), got.VersionStages)
		}
	}
	if diff := cmp.Diff(map[string]string{third: "AWSCURRENT", firstToken: "AWSPREVIOUS"}, s.stages("db")); diff != "" {
		t.Errorf("labels differ (-want +got):\n%s", diff)
	}
	if !s.described("db").LastChangedDate.Equal(*before.LastChangedDate) {
		t.Error("LastChangedDate moved")
	}
	_, err = s.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("db"), ClientRequestToken: aws.String(firstToken), SecretString: aws.String("two")})
	refused(t, err, "ResourceExistsException", "You can't use ClientRequestToken")
}

func TestACreationThatIsSentAgainIsIgnored(t *testing.T) {
	s := newSetup(t)
	create := func(text, token string) (*secretsmanager.CreateSecretOutput, error) {
		return s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: &text, ClientRequestToken: &token})
	}
	made, err := create("one", firstToken)
	first := must(t, made, err)
	second := s.put("db", "two")
	again, err := create("one", firstToken)
	if got := must(t, again, err); aws.ToString(got.ARN) != aws.ToString(first.ARN) || aws.ToString(got.VersionId) != firstToken {
		t.Errorf("answered %s %s", aws.ToString(got.ARN), aws.ToString(got.VersionId))
	}
	if diff := cmp.Diff(map[string]string{second: "AWSCURRENT", firstToken: "AWSPREVIOUS"}, s.stages("db")); diff != "" {
		t.Errorf("labels differ (-want +got):\n%s", diff)
	}
	_, err = create("three", firstToken)
	refused(t, err, "ResourceExistsException", "You can't use ClientRequestToken "+firstToken+" because that value is already in use for a version of secret "+aws.ToString(first.ARN))
	_, err = create("one", strings.Repeat("2", 32))
	refused(t, err, "ResourceExistsException", "The operation failed because the secret db already exists.")
}

// TestAPutTakesAWSPENDINGOff: a put removes AWSPENDING from the version that loses AWSCURRENT, and no custom label.
func TestAPutTakesAWSPENDINGOff(t *testing.T) {
	s := newSetup(t)
	first := aws.ToString(s.create("db", "one").VersionId)
	second := s.put("db", "two", "AWSPENDING", "mine")
	_, err := s.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: aws.String("db"), VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &second, RemoveFromVersionId: &first})
	must(t, "", err)
	if got := s.stages("db")[second]; got != "AWSCURRENT AWSPENDING mine" {
		t.Errorf("a move leaves %s", got)
	}
	third := s.put("db", "three")
	if diff := cmp.Diff(map[string]string{third: "AWSCURRENT", second: "AWSPREVIOUS mine"}, s.stages("db")); diff != "" {
		t.Errorf("labels differ (-want +got):\n%s", diff)
	}
	fourth := s.put("db", "four", "AWSPENDING")
	fifth := s.put("db", "five")
	if got := s.stages("db"); got[fourth] != "AWSPENDING" || got[fifth] != "AWSCURRENT" {
		t.Errorf("AWSPENDING of another version: %v", got)
	}
}

func TestFiltersComparePrefixesOrWords(t *testing.T) {
	s := newSetup(t)
	for name, about := range map[string]string{"/Prod/dbMain": "The main Database of payments", "/prod/cache": "", "report": "prod reports"} {
		_, err := s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, Description: &about, Tags: []types.Tag{{Key: aws.String("Team-of"), Value: aws.String("Pay-Ments")}}})
		must(t, "", err)
	}
	all := []string{"/Prod/dbMain", "/prod/cache", "report"}
	for name, test := range map[string]struct {
		filter types.Filter
		want   []string
	}{
		"a name's case counts":          {filter("name", "/prod"), []string{"/prod/cache"}},
		"not a name, and its case":      {filter("name", "!/prod"), []string{"/Prod/dbMain", "report"}},
		"a key's case counts":           {filter("tag-key", "team"), nil},
		"a key's beginning":             {filter("tag-key", "Team"), all},
		"a value's case counts":         {filter("tag-value", "pay"), nil},
		"a value's beginning":           {filter("tag-value", "Pay"), all},
		"words of a description":        {filter("description", "payments DATABASE"), []string{"/Prod/dbMain"}},
		"the beginning of such a word":  {filter("description", "report"), []string{"report"}},
		"the middle of a word":          {filter("description", "base"), nil},
		"not words of a description":    {filter("description", "!database"), []string{"/prod/cache", "report"}},
		"words of anything":             {filter("all", "prod"), all},
		"a word inside of a name":       {filter("all", "main"), []string{"/Prod/dbMain"}},
		"words of one thing each":       {filter("all", "ments pay"), all},
		"words of a name and of a text": {filter("all", "cache reports"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := s.listed(&secretsmanager.ListSecretsInput{Filters: []types.Filter{test.filter}})
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("names differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListsCanBeSorted(t *testing.T) {
	s := newSetup(t)
	for _, name := range []string{"b", "c", "a"} {
		s.create(name, "x")
		s.clock.forward(time.Minute)
	}
	s.put("c", "y")
	s.clock.forward(24 * time.Hour)
	s.text("b", "AWSCURRENT")
	for by, want := range map[types.SortByType][]string{
		"": {"b", "c", "a"}, "created-date": {"b", "c", "a"}, "name": {"a", "b", "c"}, "last-changed-date": {"b", "a", "c"}, "last-accessed-date": {"a", "c", "b"},
	} {
		if got, _ := s.listed(&secretsmanager.ListSecretsInput{SortBy: by}); !slices.Equal(got, want) {
			t.Errorf("by %s: %v, want %v", by, got, want)
		}
	}
	_, err := s.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{SortBy: "colour"})
	refused(t, err, validation, "1 validation error detected: Value at 'sortBy'")
}

func TestABatchWantsIDsOrFilters(t *testing.T) {
	s := newSetup(t)
	s.create("db", "x")
	ids, filters := []string{"db"}, []types.Filter{filter("name", "db")}
	for name, test := range map[string]struct {
		input      secretsmanager.BatchGetSecretValueInput
		code, text string
	}{
		"neither":              {secretsmanager.BatchGetSecretValueInput{}, parameter, "Either 'SecretIdList' or 'Filters' must be provided"},
		"both":                 {secretsmanager.BatchGetSecretValueInput{SecretIdList: ids, Filters: filters}, parameter, "Either 'SecretIdList' or 'Filters' must be provided, but not both."},
		"a page's size of ids": {secretsmanager.BatchGetSecretValueInput{SecretIdList: ids, MaxResults: aws.Int32(1)}, parameter, "'Filters' not specified."},
		"no page":              {secretsmanager.BatchGetSecretValueInput{Filters: filters, MaxResults: aws.Int32(0)}, validation, "1 validation error detected: Value at 'maxResults'"},
		"too large a page":     {secretsmanager.BatchGetSecretValueInput{Filters: filters, MaxResults: aws.Int32(21)}, validation, "1 validation error detected: Value at 'maxResults'"},
		"a bad token":          {secretsmanager.BatchGetSecretValueInput{Filters: filters, NextToken: aws.String("x")}, "InvalidNextTokenException", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.BatchGetSecretValue(t.Context(), &test.input)
			refused(t, err, test.code, test.text)
		})
	}
	page, err := s.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{Filters: filters, MaxResults: aws.Int32(20)})
	if len(must(t, page, err).SecretValues) != 1 {
		t.Error("the secret was not read")
	}
}

// TestARefusedRotationKeepsNothing: it sets neither the rules nor the function.
func TestARefusedRotationKeepsNothing(t *testing.T) {
	s := newSetup(t)
	s.RegisterRotationFunction(functionARN, (&rotator{s: s, fails: "createSecret"}).step)
	s.create("db", "one")
	rules := func(days int64) *types.RotationRulesType {
		return &types.RotationRulesType{AutomaticallyAfterDays: &days}
	}
	_, err := s.rotate(&secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(functionARN + "-missing"), RotationRules: rules(30)})
	refused(t, err, "AccessDeniedException", "Secrets Manager cannot invoke the specified Lambda function.")
	_, err = s.rotate(&secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(functionARN), RotationRules: rules(1001)})
	refused(t, err, parameter, "RotationRules.AutomaticallyAfterDays must be within 1-1000.")
	if d := s.described("db"); d.RotationRules != nil || d.RotationLambdaARN != nil || d.RotationEnabled != nil || d.NextRotationDate != nil {
		t.Errorf("kept %+v of %s, enabled %t, next at %v", d.RotationRules, aws.ToString(d.RotationLambdaARN), aws.ToBool(d.RotationEnabled), d.NextRotationDate)
	}
	_, err = s.rotate(&secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(functionARN), RotationRules: rules(30)})
	must(t, "", err)
	_, err = s.rotate(&secretsmanager.RotateSecretInput{RotationRules: rules(60)})
	refused(t, err, "InvalidRequestException", "A previous rotation isn't complete.")
	if got := aws.ToInt64(s.described("db").RotationRules.AutomaticallyAfterDays); got != 30 {
		t.Errorf("every %d days", got)
	}
}

// TestIDsThatCanBeNone: every operation refuses IDs that no secret can have.
func TestIDsThatCanBeNone(t *testing.T) {
	s := newSetup(t)
	s.create("db", "x")
	const arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret"
	for _, id := range []string{"a b", "ä", arn, arn + ":", "arn:aws:secretsmanager:eu-west-1:111122223333:", "arn:aws:s3:::bucket", arn + ":a b"} {
		_, err := s.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id})
		refused(t, err, validation, invalidName)
		_, err = s.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id})
		refused(t, err, validation, invalidName)
		_, err = s.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: aws.String("x")})
		refused(t, err, validation, invalidName)
		_, err = s.delete(&secretsmanager.DeleteSecretInput{SecretId: &id, ForceDeleteWithoutRecovery: aws.Bool(true)})
		refused(t, err, validation, invalidName)
	}
	_, err := s.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String(strings.Repeat("a", 2049))})
	refused(t, err, validation, "1 validation error detected: Value at 'secretId'")
}

func TestAnARNOfAnotherRegionIsNotFound(t *testing.T) {
	s := newSetup(t)
	arn := strings.Replace(aws.ToString(s.create("db", "x").ARN), "eu-west-1", "eu-central-1", 1)
	for _, id := range []string{arn, arn[:len(arn)-7]} {
		_, err := s.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id})
		refusedWhole(t, err, notFound, "Secrets Manager can't find the specified secret.")
	}
}

// TestAPartialARNOfANameThatEndsLikeAnARN: an ARN that ends in a hyphen and six characters counts as a full ARN.
func TestAPartialARNOfANameThatEndsLikeAnARN(t *testing.T) {
	s := newSetup(t)
	for name, found := range map[string]bool{"db-a1b2c3": false, "db-a1b2c3-": true, "db-a1b2": true} {
		arn := aws.ToString(s.create(name, "x").ARN)
		must(t, s.described(arn), nil)
		must(t, s.described(name), nil)
		partial := arn[:len(arn)-7]
		_, err := s.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &partial})
		if found {
			must(t, "", err)
			continue
		}
		refused(t, err, notFound, "Secrets Manager can't find the specified secret.")
	}
}

// TestAReplicaIsReadAlone: changes are refused, with the primary's region in the text.
func TestAReplicaIsReadAlone(t *testing.T) {
	s := newSetup(t)
	_, err := s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String("x"),
		AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("us-east-1")}}})
	must(t, "", err)
	id := aws.String("db")
	there := client(s.URL(), "us-east-1", "tester")
	for name, change := range map[string]func(ctx context.Context) error{
		"PutSecretValue": func(ctx context.Context) error {
			_, err := there.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: id, SecretString: aws.String("y")})
			return err
		},
		"UpdateSecret": func(ctx context.Context) error {
			_, err := there.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: id, Description: aws.String("y")})
			return err
		},
		"DeleteSecret": func(ctx context.Context) error {
			_, err := there.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: id})
			return err
		},
		"RestoreSecret": func(ctx context.Context) error {
			_, err := there.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: id})
			return err
		},
		"TagResource": func(ctx context.Context) error {
			_, err := there.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: id, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
			return err
		},
		"PutResourcePolicy": func(ctx context.Context) error {
			_, err := there.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{SecretId: id, ResourcePolicy: aws.String(`{"Statement": []}`)})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, change(t.Context()), parameter, "Operation not permitted on a replica secret. Call must be made in primary secret's region.")
		})
	}
	replica, err := there.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: id})
	if region := aws.ToString(must(t, replica, err).PrimaryRegion); region != "eu-west-1" {
		t.Errorf("the replica has the primary region %q", region)
	}
	if region := aws.ToString(s.described("db").PrimaryRegion); region != "eu-west-1" {
		t.Errorf("the primary has the primary region %q", region)
	}
	_, err = s.ReplicateSecretToRegions(t.Context(), &secretsmanager.ReplicateSecretToRegionsInput{SecretId: id, AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("eu-west-1")}}})
	refused(t, err, parameter, "Invalid replica region.")
}

func TestABadNextToken(t *testing.T) {
	s := newSetup(t)
	s.create("db", "x")
	s.create("db-2", "x")
	first, err := s.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(1)})
	good := aws.ToString(must(t, first, err).NextToken)
	for _, token := range []string{"1", "x", "-1", good + "x", "0"} {
		_, err := s.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{NextToken: &token})
		refused(t, err, "InvalidNextTokenException", "")
		_, err = s.ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String("db"), NextToken: &token})
		refused(t, err, "InvalidNextTokenException", "")
	}
	second, err := s.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(1), NextToken: &good})
	list := must(t, second, err)
	if len(list.SecretList) != 1 {
		t.Fatalf("the second page has %d secrets, want 1", len(list.SecretList))
	}
	if name := aws.ToString(list.SecretList[0].Name); name != "db-2" {
		t.Errorf("the second page has the secret %s", name)
	}
	if list.NextToken != nil {
		t.Error("there is a third page")
	}
}

// TestVersionsHaveKeysAndAccesses: the date of the last access is a day.
func TestVersionsHaveKeysAndAccesses(t *testing.T) {
	s := newSetup(t)
	first := aws.ToString(s.create("db", "one").VersionId)
	s.put("db", "two")
	third := s.put("db", "three")
	if s.described("db").LastAccessedDate != nil {
		t.Error("nothing was read yet")
	}
	s.text("db", "AWSCURRENT")
	_, err := s.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("db"), KmsKeyId: aws.String("alias/own")})
	must(t, "", err)
	listed, err := s.ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String("db"), IncludeDeprecated: aws.Bool(true)})
	today := s.clock.now().UTC().Truncate(24 * time.Hour)
	for _, version := range must(t, listed, err).Versions {
		id, want := aws.ToString(version.VersionId), []string{"alias/own"}
		if id == first {
			want = []string{"DefaultEncryptionKey"} // It has no label, and so is not re-encrypted.
		}
		if !slices.Equal(version.KmsKeyIds, want) {
			t.Errorf("version %s has keys %v, want %v", id, version.KmsKeyIds, want)
		}
		if read := version.LastAccessedDate; (read != nil) != (id == third) || read != nil && !read.Equal(today) {
			t.Errorf("version %s was read at %s", id, read)
		}
	}
	if read := s.described("db").LastAccessedDate; read == nil || !read.Equal(today) {
		t.Errorf("the secret was read at %s", read)
	}
}

func TestTagsAfterUntagging(t *testing.T) {
	s := newSetup(t)
	s.create("db", "x")
	if s.described("db").Tags != nil {
		t.Error("a secret that never had a tag has a list of them")
	}
	_, err := s.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: aws.String("db"), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}})
	must(t, "", err)
	_, err = s.UntagResource(t.Context(), &secretsmanager.UntagResourceInput{SecretId: aws.String("db"), TagKeys: []string{"a"}})
	must(t, "", err)
	if tags := s.described("db").Tags; tags == nil || len(tags) != 0 {
		t.Errorf("tags %v, want an empty list", tags)
	}
}

// TestBoundsOfTheModel tests the limits that the SDK for Go does not check.
func TestBoundsOfTheModel(t *testing.T) {
	s := newSetup(t)
	s.create("db", "x")
	id := aws.String("db")
	filters := func(count int) (many []types.Filter) {
		for range count {
			many = append(many, filter("name", "d"))
		}
		return many
	}
	list := func(input secretsmanager.ListSecretsInput) error {
		_, err := s.ListSecrets(t.Context(), &input)
		return err
	}
	put := func(input secretsmanager.PutSecretValueInput) error {
		input.SecretId = id
		_, err := s.PutSecretValue(t.Context(), &input)
		return err
	}
	rotate := func(days int64, schedule *string) error {
		_, err := s.rotate(&secretsmanager.RotateSecretInput{RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: &days, ScheduleExpression: schedule}})
		return err
	}
	const rejected = "1 validation error detected: Value at "
	for name, test := range map[string]struct {
		err        error
		code, text string
	}{
		"an empty text":    {put(secretsmanager.PutSecretValueInput{SecretString: aws.String("")}), validation, rejected + "'secretString'"},
		"an empty binary":  {put(secretsmanager.PutSecretValueInput{SecretBinary: []byte{}}), validation, rejected + "'secretBinary'"},
		"no labels":        {put(secretsmanager.PutSecretValueInput{SecretString: aws.String("y"), VersionStages: []string{}}), validation, rejected + "'versionStages'"},
		"21 labels":        {put(secretsmanager.PutSecretValueInput{SecretString: aws.String("y"), VersionStages: strings.Fields(strings.Repeat("a ", 21))}), validation, rejected + "'versionStages'"},
		"rotation in 0":    {rotate(0, nil), parameter, "RotationRules.AutomaticallyAfterDays must be within 1-1000."},
		"rotation in 1001": {rotate(1001, nil), parameter, "RotationRules.AutomaticallyAfterDays must be within 1-1000."},
		"two schedules":    {rotate(30, aws.String("rate(30 days)")), parameter, "You cannot specify both rotation frequency and schedule expression together."},
		"11 filters":       {list(secretsmanager.ListSecretsInput{Filters: filters(11)}), parameter, "The filter list has too many filters. You can include up to 10 filters."},
		"11 values":        {list(secretsmanager.ListSecretsInput{Filters: []types.Filter{filter("name", strings.Fields("a b c d e f g h i j k")...)}}), validation, rejected + "'filters.1.member.values'"},
		"no values":        {list(secretsmanager.ListSecretsInput{Filters: []types.Filter{filter("name", []string{}...)}}), validation, rejected + "'filters.1.member.values'"},
		"a page of 0":      {list(secretsmanager.ListSecretsInput{MaxResults: aws.Int32(0)}), validation, rejected + "'maxResults'"},
		"a page of 101":    {list(secretsmanager.ListSecretsInput{MaxResults: aws.Int32(101)}), validation, rejected + "'maxResults'"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, test.err, test.code, test.text) })
	}
	_, err := s.ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: id, MaxResults: aws.Int32(101)})
	refused(t, err, validation, rejected+"'maxResults'")
	_, err = s.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: id, VersionId: aws.String("short")})
	refused(t, err, validation, rejected+"'versionId'")
	must(t, "", list(secretsmanager.ListSecretsInput{Filters: filters(10), MaxResults: aws.Int32(100)}))
}

// TestPasswordsHaveEachType: passwords have each type of characters, unless the caller turns that off.
func TestPasswordsHaveEachType(t *testing.T) {
	s := newSetup(t)
	for range 50 {
		made, err := s.GetRandomPassword(t.Context(), &secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(4)})
		password := aws.ToString(must(t, made, err).RandomPassword)
		if len(password) != 4 || strings.ToLower(password) == password || strings.ToUpper(password) == password || !strings.ContainsAny(password, "0123456789") {
			t.Fatalf("a password of four characters lacks a type")
		}
	}
	for length, code := range map[int64]string{0: validation, 3: parameter, 4097: validation} {
		_, err := s.GetRandomPassword(t.Context(), &secretsmanager.GetRandomPasswordInput{PasswordLength: &length})
		refused(t, err, code, "")
	}
	made, err := s.GetRandomPassword(t.Context(), &secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(1), RequireEachIncludedType: aws.Bool(false)})
	if len(aws.ToString(must(t, made, err).RandomPassword)) != 1 {
		t.Error("one character is enough where no type is required")
	}
}

// raw sends a call without an SDK, and gives status and body of the answer.
func (s *setup) raw(operation, input string) (status int, body string) {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.URL(), strings.NewReader(input))
	if err != nil {
		s.Fatal(err)
	}
	request.Header.Set("X-Amz-Target", "secretsmanager."+operation)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(must(s.T, content, err))
}

// TestACallWithoutAToken: no SDK sends such calls, as they fill the token in.
func TestACallWithoutAToken(t *testing.T) {
	s := newSetup(t)
	for operation, code := range map[string]string{
		"CreateSecret": "InvalidRequestException", "UpdateSecret": "InvalidRequestException", "PutSecretValue": "InvalidRequestException", "RotateSecret": parameter,
	} {
		status, body := s.raw(operation, `{"Name": "db", "SecretId": "db", "SecretString": "x"}`)
		const text = "You must provide a ClientRequestToken value. We recommend a UUID-type value."
		if status != http.StatusBadRequest || !strings.Contains(body, strconv.Quote(code)) || !strings.Contains(body, text) {
			t.Errorf("%s: %d %s", operation, status, body)
		}
	}
}
