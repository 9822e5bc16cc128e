package localaws_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
)

const (
	notFound   = "ResourceNotFoundException"
	firstToken = "11111111-1111-1111-1111-111111111111"
)

func TestASecretGoesByItsNameAndItsARNs(t *testing.T) {
	s := newSetup(t)
	made := s.create("/prod/db", "hello")
	arn := aws.ToString(made.ARN)
	if !regexp.MustCompile(`^arn:aws:secretsmanager:eu-west-1:111122223333:secret:/prod/db-[A-Za-z0-9]{6}$`).MatchString(arn) {
		t.Errorf("the ARN is %s", arn)
	}
	for _, id := range []string{"/prod/db", arn, arn[:len(arn)-7]} {
		got, err := s.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id})
		if value := must(t, got, err); aws.ToString(value.ARN) != arn || aws.ToString(value.Name) != "/prod/db" || aws.ToString(value.SecretString) != "hello" {
			t.Errorf("%s gives %q of %s, %s", id, aws.ToString(value.SecretString), aws.ToString(value.Name), aws.ToString(value.ARN))
		}
	}
	for _, id := range []string{"/prod/d", arn[:len(arn)-1], arn[:len(arn)-6] + "zzzzzz"} {
		_, err := s.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id})
		refused(t, err, notFound, "Secrets Manager can't find the specified secret.")
	}
}

func TestNamesAreChecked(t *testing.T) {
	s := newSetup(t)
	for _, name := range []string{"a b", "ä", strings.Repeat("a", 513)} {
		_, err := s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name})
		refused(t, err, "ValidationException", "Invalid name")
	}
	s.create("Az09/_+=.@-!", "x")
	_, err := s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("Az09/_+=.@-!")})
	refused(t, err, "ResourceExistsException", "The operation failed because the secret Az09/_+=.@-! already exists.")
}

func TestASecretWithoutAValueHasNoVersion(t *testing.T) {
	s := newSetup(t)
	made, err := s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("empty")})
	if id := must(t, made, err).VersionId; id != nil {
		t.Errorf("version %s was created", *id)
	}
	if labels := s.stages("empty"); len(labels) != 0 {
		t.Errorf("there are versions with labels: %v", labels)
	}
	_, err = s.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("empty")})
	refused(t, err, notFound, "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT")
	first := s.put("empty", "x", "blue")
	if diff := cmp.Diff(map[string]string{first: "AWSCURRENT blue"}, s.stages("empty")); diff != "" {
		t.Errorf("the first version has AWSCURRENT in any case (-want +got):\n%s", diff)
	}
}

func TestAWSPREVIOUSFollowsAWSCURRENT(t *testing.T) {
	s := newSetup(t)
	first := aws.ToString(s.create("db", "one").VersionId)
	second := s.put("db", "two")
	third := s.put("db", "three")
	want := map[string]string{third: "AWSCURRENT", second: "AWSPREVIOUS"}
	if diff := cmp.Diff(want, s.stages("db")); diff != "" {
		t.Errorf("labels differ (-want +got):\n%s", diff)
	}
	got, err := s.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("db"), VersionId: &first})
	if aws.ToString(must(t, got, err).SecretString) != "one" {
		t.Error("a version without labels is not readable by its id")
	}
	_, err = s.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: aws.String("db"), VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &first, RemoveFromVersionId: &third})
	must(t, "", err)
	if diff := cmp.Diff(map[string]string{first: "AWSCURRENT", third: "AWSPREVIOUS"}, s.stages("db")); diff != "" {
		t.Errorf("labels after a rollback differ (-want +got):\n%s", diff)
	}
}

func TestAVersionUnderAnotherLabelIsNotCurrent(t *testing.T) {
	s := newSetup(t)
	first := aws.ToString(s.create("db", "one").VersionId)
	second := s.put("db", "two", "AWSPENDING", "blue")
	if diff := cmp.Diff(map[string]string{first: "AWSCURRENT", second: "AWSPENDING blue"}, s.stages("db")); diff != "" {
		t.Errorf("labels differ (-want +got):\n%s", diff)
	}
	for label, want := range map[string]string{"blue": "two", "AWSCURRENT": "one"} {
		if got := s.text("db", label); got != want {
			t.Errorf("%s gives %q, want %q", label, got, want)
		}
	}
}

func TestMovingLabelsIsChecked(t *testing.T) {
	s := newSetup(t)
	first := s.create("db", "one").VersionId
	second := aws.String(s.put("db", "two"))
	none := aws.String("00000000-0000-0000-0000-000000000000")
	for name, test := range map[string]struct {
		stage      string
		to, from   *string
		code, text string
	}{
		"from a version that has it not": {"AWSCURRENT", first, first, "InvalidParameterException", "The parameter RemoveFromVersionId is wrong"},
		"without saying from where":      {"AWSCURRENT", first, nil, "InvalidParameterException", "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version"},
		"to a version that is not there": {"AWSCURRENT", none, second, notFound, "Secrets Manager can't find the specified secret value for VersionId: 0"},
		"AWSCURRENT from all versions":   {"AWSCURRENT", nil, second, "InvalidParameterException", "You can only move staging label AWSCURRENT"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
				SecretId: aws.String("db"), VersionStage: &test.stage, MoveToVersionId: test.to, RemoveFromVersionId: test.from})
			refused(t, err, test.code, test.text)
		})
	}
	for stage := range strings.FieldsSeq("a b c d e f g h i j k l m n o p q r s") {
		_, err := s.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String("db"), VersionStage: &stage, MoveToVersionId: second})
		must(t, "", err)
	}
	_, err := s.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String("db"), VersionStage: aws.String("t"), MoveToVersionId: second})
	refused(t, err, "LimitExceededException", "A version can't have more than 20 staging labels.")
	_, err = s.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String("db"), VersionStage: aws.String("a"), RemoveFromVersionId: second})
	must(t, "", err)
	if strings.Contains(s.stages("db")[*second], "a ") {
		t.Error("a custom label cannot be removed")
	}
}

func TestAClientRequestTokenIsTheVersionID(t *testing.T) {
	s := newSetup(t)
	s.create("db", "one")
	put := func(text, token string) (*secretsmanager.PutSecretValueOutput, error) {
		return s.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("db"), SecretString: &text, ClientRequestToken: &token})
	}
	for range 2 {
		got, err := put("two", firstToken)
		if aws.ToString(must(t, got, err).VersionId) != firstToken {
			t.Errorf("the version is %s", aws.ToString(got.VersionId))
		}
	}
	if len(s.stages("db")) != 2 {
		t.Errorf("the same value with the same token created another version: %v", s.stages("db"))
	}
	_, err := put("three", firstToken)
	refused(t, err, "ResourceExistsException", "You can't use ClientRequestToken")
	_, err = put("three", "short")
	refused(t, err, "InvalidParameterException", "ClientRequestToken must be 32-64 characters long.")
}

func TestAStageAndAnIDMustAgree(t *testing.T) {
	s := newSetup(t)
	first := s.create("db", "one").VersionId
	s.put("db", "two")
	_, err := s.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("db"), VersionId: first, VersionStage: aws.String("AWSCURRENT")})
	refused(t, err, "InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId.")
	got, err := s.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("db"), VersionId: first, VersionStage: aws.String("AWSPREVIOUS")})
	if aws.ToString(must(t, got, err).SecretString) != "one" {
		t.Error("a stage and an id that agree give another value")
	}
	_, err = s.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("db"), VersionStage: aws.String("green")})
	refused(t, err, notFound, "Secrets Manager can't find the specified secret value for staging label: green")
}

func TestValuesComeBackAsTheyWere(t *testing.T) {
	s := newSetup(t)
	binary := bytes.Repeat([]byte{0, 0xff, '\n', '"'}, 65536/4)
	made, err := s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("binary"), SecretBinary: binary})
	must(t, made, err)
	got, err := s.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("binary")})
	value := must(t, got, err)
	if !bytes.Equal(value.SecretBinary, binary) {
		t.Error("a binary value came back changed")
	}
	if value.SecretString != nil {
		t.Error("a binary value came back with a text")
	}
	text := "{\"a\":1.0e400,\"ü\":\"\\u0000\"}\r\n"
	s.create("text", text)
	if s.text("text", "AWSCURRENT") != text {
		t.Error("a text came back changed")
	}
	_, err = s.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("text"), SecretString: aws.String(strings.Repeat("x", 65537))})
	refused(t, err, "ValidationException", "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to 65536")
	_, err = s.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("text"), SecretString: aws.String("x"), SecretBinary: []byte("x")})
	refused(t, err, "InvalidParameterException", "You can't specify both")
	_, err = s.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("text")})
	refused(t, err, "InvalidRequestException", "You must provide either SecretString or SecretBinary.")
}

func TestUpdateSecret(t *testing.T) {
	s := newSetup(t)
	first := aws.ToString(s.create("db", "one").VersionId)
	updated, err := s.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("db"), Description: aws.String("new"), KmsKeyId: aws.String("alias/own")})
	if must(t, updated, err).VersionId != nil {
		t.Error("an update without a value created a version")
	}
	updated, err = s.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("db"), SecretString: aws.String("two")})
	want := map[string]string{aws.ToString(must(t, updated, err).VersionId): "AWSCURRENT", first: "AWSPREVIOUS"}
	if diff := cmp.Diff(want, s.stages("db")); diff != "" {
		t.Errorf("labels differ (-want +got):\n%s", diff)
	}
	described, err := s.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("db")})
	if d := must(t, described, err); aws.ToString(d.Description) != "new" || aws.ToString(d.KmsKeyId) != "alias/own" || d.LastChangedDate == nil || d.CreatedDate == nil {
		t.Errorf("described as %+v", d)
	}
}

func TestListSecretVersionIds(t *testing.T) {
	s := newSetup(t)
	s.create("db", "0")
	for _, text := range []string{"1", "2", "3"} {
		s.put("db", text)
	}
	listed := func(deprecated bool) (ids []string) {
		pages := secretsmanager.NewListSecretVersionIdsPaginator(s.Client, &secretsmanager.ListSecretVersionIdsInput{
			SecretId: aws.String("db"), IncludeDeprecated: &deprecated, MaxResults: aws.Int32(1)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			for _, version := range must(t, page, err).Versions {
				ids = append(ids, aws.ToString(version.VersionId))
			}
		}
		return ids
	}
	if with, without := len(listed(true)), len(listed(false)); with != 4 || without != 2 {
		t.Errorf("%d versions, %d of them with labels; want 4 and 2", with, without)
	}
}
