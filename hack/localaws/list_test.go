package localaws_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"
)

func filter(key types.FilterNameStringType, values ...string) types.Filter {
	return types.Filter{Key: key, Values: values}
}

// listed gives the names of ListSecrets in its order, and the number of pages.
func (s *setup) listed(input *secretsmanager.ListSecretsInput) (names []string, pages int) {
	s.Helper()
	all := secretsmanager.NewListSecretsPaginator(s.Client, input)
	for all.HasMorePages() {
		page, err := all.NextPage(s.Context())
		pages++
		for _, entry := range must(s.T, page, err).SecretList {
			names = append(names, aws.ToString(entry.Name))
		}
	}
	return names, pages
}

func TestListSecretsFilters(t *testing.T) {
	s := newSetup(t)
	for name, tags := range map[string][]types.Tag{
		"/prod/db":    {{Key: aws.String("team"), Value: aws.String("payments")}},
		"/prod/cache": {{Key: aws.String("team"), Value: aws.String("search")}, {Key: aws.String("tier"), Value: aws.String("payments")}},
		"/test/db":    nil,
	} {
		_, err := s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, Description: aws.String("of " + name), Tags: tags, SecretString: aws.String("x")})
		must(t, "", err)
	}
	for name, test := range map[string]struct {
		filters []types.Filter
		want    []string
	}{
		"none":                 {nil, []string{"/prod/cache", "/prod/db", "/test/db"}},
		"a prefix of the name": {[]types.Filter{filter("name", "/prod/")}, []string{"/prod/cache", "/prod/db"}},
		"any of two names":     {[]types.Filter{filter("name", "/prod/db", "/test")}, []string{"/prod/db", "/test/db"}},
		"not a name":           {[]types.Filter{filter("name", "!/prod")}, []string{"/test/db"}},
		"a tag's key":          {[]types.Filter{filter("tag-key", "tier")}, []string{"/prod/cache"}},
		"key and value, of whatever tags": {[]types.Filter{filter("tag-key", "team"), filter("tag-value", "payments")},
			[]string{"/prod/cache", "/prod/db"}},
		"the description": {[]types.Filter{filter("description", "of test")}, []string{"/test/db"}},
		"anything":        {[]types.Filter{filter("all", "search")}, []string{"/prod/cache"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := s.listed(&secretsmanager.ListSecretsInput{Filters: test.filters})
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("names differ (-want +got):\n%s", diff)
			}
		})
	}
	_, err := s.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{Filters: []types.Filter{filter("colour", "blue")}})
	refused(t, err, "ValidationException", "1 validation error detected: Value at 'filters.1.member.key' failed to satisfy constraint")
}

func TestListSecretsPages(t *testing.T) {
	s := newSetup(t)
	for i := range 205 {
		s.create(fmt.Sprintf("s-%03d", i), "x")
	}
	names, pages := s.listed(&secretsmanager.ListSecretsInput{MaxResults: aws.Int32(100)})
	if len(names) != 205 || pages != 3 || !slices.IsSorted(names) {
		t.Errorf("%d names on %d pages, sorted: %v", len(names), pages, slices.IsSorted(names))
	}
	backwards, _ := s.listed(&secretsmanager.ListSecretsInput{SortOrder: types.SortOrderTypeDesc})
	slices.Reverse(backwards)
	if diff := cmp.Diff(names, backwards); diff != "" {
		t.Errorf("the other order differs:\n%s", diff)
	}
}

func TestListSecretsTellsVersionsAndDeletions(t *testing.T) {
	s := newSetup(t)
	first := aws.ToString(s.create("db", "x").VersionId)
	s.create("gone", "x")
	_, err := s.delete(&secretsmanager.DeleteSecretInput{SecretId: aws.String("gone")})
	must(t, "", err)
	listed, err := s.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{})
	entries := must(t, listed, err).SecretList
	if len(entries) != 1 {
		t.Fatalf("listed %d secrets, want 1", len(entries))
	}
	if labels := entries[0].SecretVersionsToStages[first]; !slices.Contains(labels, "AWSCURRENT") {
		t.Errorf("the version has the labels %v, want AWSCURRENT", labels)
	}
	if names, _ := s.listed(&secretsmanager.ListSecretsInput{IncludePlannedDeletion: aws.Bool(true)}); len(names) != 2 {
		t.Errorf("with deleted ones: %v", names)
	}
}

func TestBatchGetSecretValue(t *testing.T) {
	s := newSetup(t)
	var ids []string
	for i := range 21 {
		id := fmt.Sprintf("s-%02d", i)
		s.create(id, "value of "+id)
		ids = append(ids, id)
	}
	_, err := s.delete(&secretsmanager.DeleteSecretInput{SecretId: aws.String("s-03")})
	must(t, "", err)
	got, err := s.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: append(slices.Clone(ids[:19]), "none")})
	answer := must(t, got, err)
	problems := map[string]string{}
	for _, problem := range answer.Errors {
		problems[aws.ToString(problem.SecretId)] = aws.ToString(problem.ErrorCode)
	}
	if diff := cmp.Diff(map[string]string{"s-03": "InvalidRequestException", "none": notFound}, problems); diff != "" {
		t.Errorf("errors differ (-want +got):\n%s", diff)
	}
	for _, value := range answer.SecretValues {
		if aws.ToString(value.SecretString) != "value of "+aws.ToString(value.Name) {
			t.Errorf("%s has the value of another secret", aws.ToString(value.Name))
		}
		if !slices.Contains(value.VersionStages, "AWSCURRENT") {
			t.Errorf("%s has the labels %v, want AWSCURRENT", aws.ToString(value.Name), value.VersionStages)
		}
	}
	if len(answer.SecretValues) != 18 || s.ValuesRead("s-") != 18 {
		t.Errorf("%d values, %d counted", len(answer.SecretValues), s.ValuesRead("s-"))
	}
	_, err = s.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: ids})
	refused(t, err, "InvalidParameterException", "SecretIdList can hold at most 20 entries.")
}

func TestBatchGetSecretValueByFilters(t *testing.T) {
	s := newSetup(t)
	for i := range 25 {
		s.create(fmt.Sprintf("/prod/%02d", i), "x")
	}
	s.create("/test/1", "x")
	pages := secretsmanager.NewBatchGetSecretValuePaginator(s.Client, &secretsmanager.BatchGetSecretValueInput{Filters: []types.Filter{filter("name", "/prod")}})
	read := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		for _, value := range must(t, page, err).SecretValues {
			if !strings.HasPrefix(aws.ToString(value.Name), "/prod/") {
				t.Errorf("%s was read too", aws.ToString(value.Name))
			}
			read++
		}
	}
	if read != 25 {
		t.Errorf("%d values", read)
	}
}

func TestTags(t *testing.T) {
	s := newSetup(t)
	s.create("db", "x")
	_, err := s.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: aws.String("db"), Tags: []types.Tag{
		{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")}}})
	must(t, "", err)
	_, err = s.UntagResource(t.Context(), &secretsmanager.UntagResourceInput{SecretId: aws.String("db"), TagKeys: []string{"a"}})
	must(t, "", err)
	if tags := s.described("db").Tags; len(tags) != 1 || aws.ToString(tags[0].Key) != "b" || aws.ToString(tags[0].Value) != "2" {
		t.Errorf("%d tags, want b=2 alone: %+v", len(tags), tags)
	}
}

func TestReplicas(t *testing.T) {
	s := newSetup(t)
	made, err := s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String("one"),
		AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("us-east-1")}}})
	arn := aws.ToString(must(t, made, err).ARN)
	elsewhere := client(s.URL(), "us-east-1", "tester")
	read := func() string {
		got, err := elsewhere.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("db")})
		if want := strings.Replace(arn, "eu-west-1", "us-east-1", 1); aws.ToString(must(t, got, err).ARN) != want {
			t.Errorf("the replica is %s, want %s", aws.ToString(got.ARN), want)
		}
		return aws.ToString(got.SecretString)
	}
	s.put("db", "two")
	if got := read(); got != "two" {
		t.Errorf("the replica has %q", got)
	}
	_, err = elsewhere.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("db"), SecretString: aws.String("x")})
	refused(t, err, "InvalidParameterException", "Operation not permitted on a replica secret. Call must be made in primary secret's region.")
	_, err = s.delete(&secretsmanager.DeleteSecretInput{SecretId: aws.String("db")})
	refusedWhole(t, err, "InvalidParameterException", "You can't delete secret db that still has replica regions [us-east-1].")
	if d := s.described("db"); len(d.ReplicationStatus) != 1 || d.ReplicationStatus[0].Status != types.StatusTypeInSync {
		t.Errorf("replicas: %v", d.ReplicationStatus)
	}

	_, err = elsewhere.StopReplicationToReplica(t.Context(), &secretsmanager.StopReplicationToReplicaInput{SecretId: aws.String("db")})
	must(t, "", err)
	s.put("db", "three")
	if got := read(); got != "two" {
		t.Errorf("a promoted replica has %q", got)
	}
	if replicas := s.described("db").ReplicationStatus; len(replicas) != 0 {
		t.Errorf("the secret still has %d replicas", len(replicas))
	}
	_, err = s.ReplicateSecretToRegions(t.Context(), &secretsmanager.ReplicateSecretToRegionsInput{SecretId: aws.String("db"),
		AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("ap-south-1")}}})
	must(t, "", err)
	_, err = s.RemoveRegionsFromReplication(t.Context(), &secretsmanager.RemoveRegionsFromReplicationInput{SecretId: aws.String("db"), RemoveReplicaRegions: []string{"ap-south-1"}})
	must(t, "", err)
	_, err = client(s.URL(), "ap-south-1", "tester").DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("db")})
	refused(t, err, notFound, "Secrets Manager can't find the specified secret.")
}
