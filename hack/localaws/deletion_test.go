package localaws_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/hack/localaws"
)

const markedForDeletion = "You can't perform this operation on the secret because it was marked for deletion."

func (s *setup) delete(input *secretsmanager.DeleteSecretInput) (*secretsmanager.DeleteSecretOutput, error) {
	return s.DeleteSecret(s.Context(), input)
}

func TestADeletedSecretIsThereUntilItsWindowEnds(t *testing.T) {
	s := newSetup(t)
	s.create("db", "x")
	deleted, err := s.delete(&secretsmanager.DeleteSecretInput{SecretId: aws.String("db"), RecoveryWindowInDays: aws.Int64(7)})
	if left := time.Until(aws.ToTime(must(t, deleted, err).DeletionDate)); left < 6*24*time.Hour || left > 7*24*time.Hour {
		t.Errorf("%s are left of the window", left)
	}
	_, err = s.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("db")})
	refused(t, err, "InvalidRequestException", markedForDeletion)
	_, err = s.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("db"), SecretString: aws.String("y")})
	refused(t, err, "InvalidRequestException", markedForDeletion)
	_, err = s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	refused(t, err, "InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.")
	described, err := s.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("db")})
	if must(t, described, err).DeletedDate == nil {
		t.Error("DescribeSecret does not say that it is deleted")
	}

	restored, err := s.RestoreSecret(t.Context(), &secretsmanager.RestoreSecretInput{SecretId: aws.String("db")})
	must(t, restored, err)
	if s.text("db", "AWSCURRENT") != "x" {
		t.Error("the value did not come back")
	}

	_, err = s.delete(&secretsmanager.DeleteSecretInput{SecretId: aws.String("db")})
	must(t, "", err)
	s.clock.forward(31 * 24 * time.Hour)
	_, err = s.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("db")})
	refused(t, err, notFound, "Secrets Manager can't find the specified secret.")
	s.create("db", "new")
}

// TestADeletionByForceEndsInTheBackground: the name is free only once the deletion has ended, and nothing restores the
// secret meanwhile.
func TestADeletionByForceEndsInTheBackground(t *testing.T) {
	s := newSetup(t)
	s.clock.stop() // The machine may be slow.
	before := s.create("db", "x")
	_, err := s.delete(&secretsmanager.DeleteSecretInput{SecretId: aws.String("db")})
	must(t, "", err)
	_, err = s.delete(&secretsmanager.DeleteSecretInput{SecretId: aws.String("db")})
	refused(t, err, "InvalidRequestException", markedForDeletion)
	s.deleteByForce("db")
	_, err = s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String("y")})
	refused(t, err, "InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.")
	_, err = s.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("db")})
	refused(t, err, "InvalidRequestException", markedForDeletion)
	_, err = s.RestoreSecret(t.Context(), &secretsmanager.RestoreSecretInput{SecretId: aws.String("db")})
	refused(t, err, notFound, "Secrets Manager can't find the specified secret.")

	s.clock.forward(time.Second)
	after := s.create("db", "y")
	if aws.ToString(after.ARN) == aws.ToString(before.ARN) {
		t.Error("a recreated secret has the ARN of the old one")
	}
	_, err = s.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: before.ARN})
	refused(t, err, notFound, "Secrets Manager can't find the specified secret.")
}

// TestTheEndOfADeletionByForceHasAnEvent: the event comes although the server gets no call meanwhile.
func TestTheEndOfADeletionByForceHasAnEvent(t *testing.T) {
	s := newSetup(t)
	s.create("db", "x")
	s.deleteByForce("db")
	s.await("EndSecretVersionDelete", func() bool {
		events := s.Events()
		last, is := events[len(events)-1].Detail.(*localaws.Trail)
		return is && last.EventName == "EndSecretVersionDelete"
	})
}

func (s *setup) deleteByForce(id string) *secretsmanager.DeleteSecretOutput {
	s.Helper()
	deleted, err := s.delete(&secretsmanager.DeleteSecretInput{SecretId: &id, ForceDeleteWithoutRecovery: aws.Bool(true)})
	return must(s.T, deleted, err)
}

func TestADeletionByForceOfNothingSucceeds(t *testing.T) {
	s := newSetup(t)
	if deleted := s.deleteByForce("nothing"); aws.ToString(deleted.Name) != "nothing" || deleted.ARN == nil || deleted.DeletionDate == nil {
		t.Errorf("answered %s, %s, %v", aws.ToString(deleted.Name), aws.ToString(deleted.ARN), deleted.DeletionDate)
	}
	s.deleteByForce("arn:aws:secretsmanager:eu-west-1:111122223333:secret:nothing-a1b2c3")
	_, err := s.delete(&secretsmanager.DeleteSecretInput{SecretId: aws.String("nothing")})
	refused(t, err, notFound, "Secrets Manager can't find the specified secret.")
}

func TestDeletionsAreChecked(t *testing.T) {
	s := newSetup(t)
	s.create("db", "x")
	for _, days := range []int64{6, 31} {
		_, err := s.delete(&secretsmanager.DeleteSecretInput{SecretId: aws.String("db"), RecoveryWindowInDays: &days})
		refused(t, err, "InvalidParameterException", "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	}
	_, err := s.delete(&secretsmanager.DeleteSecretInput{SecretId: aws.String("db"), RecoveryWindowInDays: aws.Int64(7), ForceDeleteWithoutRecovery: aws.Bool(true)})
	refused(t, err, "InvalidParameterException", "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
}
