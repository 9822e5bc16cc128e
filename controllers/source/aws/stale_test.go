package aws

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

// scriptedAWS is a secret of which AWS says what the test has it say, and a source with a clock.
type scriptedAWS struct {
	*testing.T
	source  *Source
	now     time.Time
	answers canned
	// denied says that DescribeSecret is, asked how often it was called.
	denied bool
	asked  int
	// sent has the calls: <operation> <body>.
	sent []string
}

const scriptedID = "/prod/payments/db"

func newScripted(t *testing.T) *scriptedAWS {
	t.Helper()
	return newScriptedBy(t)
}

// newPastWithout has no credentials, for a reason.
func newScriptedWithout(t *testing.T, none error) *scriptedAWS {
	t.Helper()
	return newScriptedBy(t, config.WithCredentialsProvider(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, none
	})))
}

func newScriptedBy(t *testing.T, more ...func(*config.LoadOptions) error) *scriptedAWS {
	t.Helper()
	isolate(t, "http://127.0.0.1:1")
	p := &scriptedAWS{T: t, now: time.Now(), answers: canned{}}
	var err error
	p.source, err = New(t.Context(), Options{Region: localaws.DefaultRegion, Now: func() time.Time { return p.now },
		LoadOptions: append(more, config.WithHTTPClient(p))})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Do answers the SDK.
func (p *scriptedAWS) Do(request *http.Request) (*http.Response, error) {
	operation := strings.TrimPrefix(request.Header.Get("X-Amz-Target"), "secretsmanager.")
	body, _ := io.ReadAll(request.Body)
	p.sent = append(p.sent, operation+" "+string(body))
	answer, status := p.answers[operation], http.StatusOK
	if operation == describeSecret {
		p.asked++
		if p.denied {
			answer = `{"__type":"AccessDeniedException","Message":"no"}`
		}
	}
	if strings.HasPrefix(answer, `{"__type"`) {
		status = http.StatusBadRequest
	}
	response, err := canned{operation: answer}.Do(request)
	response.StatusCode = status
	return response, err
}

// date is a moment by AWS's clock, in seconds of its own count.
func date(second float64) time.Time {
	return time.UnixMilli(1_700_000_000_000 + int64(second*1000)).UTC()
}

// says has AWS describe the secret as it was at a moment: labels are <label>=<version>.
func (p *scriptedAWS) says(second float64, labels ...string) {
	stages := make([]string, 0, len(labels))
	for _, spec := range labels {
		label, version, _ := strings.Cut(spec, "=")
		stages = append(stages, fmt.Sprintf("%q:[%q]", version, label))
	}
	p.answers[describeSecret] = fmt.Sprintf(`{"ARN":%q,"Name":%q,"LastChangedDate":%f,"VersionIdsToStages":{%s}}`,
		benchARN, scriptedID, float64(date(second).UnixMilli())/1000, strings.Join(stages, ","))
}

// gives has AWS give the value of a version that was made at a moment.
func (p *scriptedAWS) gives(version string, second float64) {
	p.answers[getSecretValue] = fmt.Sprintf(`{"ARN":%q,"Name":%q,"VersionId":%q,"VersionStages":["AWSCURRENT"],"SecretString":"{}","CreatedDate":%f}`,
		benchARN, scriptedID, version, float64(date(second).UnixMilli())/1000)
}

// lacks has AWS say that there is no such secret.
func (p *scriptedAWS) lacks() {
	for _, operation := range []string{describeSecret, getSecretValue} {
		p.answers[operation] = `{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."}`
	}
}

// synced is version v2 in a Secret, made at second 2, in the state of that second.
func synced() source.Version {
	return source.Version{ARN: benchARN, ID: "v2", Region: localaws.DefaultRegion, Changed: date(2), Created: date(2)}
}

func (p *scriptedAWS) ask(query source.VersionQuery) (source.Resolution, error) {
	p.Helper()
	if query.SecretID == "" {
		query.Ref = source.Ref{SecretID: scriptedID, VersionStage: query.VersionStage}
	}
	return p.source.Resolve(p.Context(), query)
}

// want wants a question to be answered with a version, which is behind or not.
func (p *scriptedAWS) want(what, version string, behind bool, query source.VersionQuery) {
	p.Helper()
	if seen, err := p.ask(query); err != nil || seen.Version.ID != version || seen.Outdated != behind {
		p.Errorf("%s: version %s, behind: %v, %v; want %s, %v", what, seen.Version.ID, seen.Outdated, err, version, behind)
	}
}

func TestAnOlderAnswerIsNotFollowed(t *testing.T) {
	p := newScripted(t)
	p.says(1, "AWSCURRENT=v1")
	p.want("at first", "v1", false, source.VersionQuery{})
	p.says(2.5, "AWSCURRENT=v2", "AWSPREVIOUS=v1")
	p.want("after a rotation", "v2", false, source.VersionQuery{})
	for range 3 {
		p.says(1, "AWSCURRENT=v1")
		p.want("an older answer", "v2", true, source.VersionQuery{})
		p.want("an older answer about AWSPREVIOUS", "v1", true, source.VersionQuery{Ref: source.Ref{VersionStage: stagePrevious}})
		p.want("one by the ARN", "v2", true, source.VersionQuery{Ref: source.Ref{SecretID: benchARN}})
		p.says(2.5, "AWSCURRENT=v2", "AWSPREVIOUS=v1")
		p.want("the newer one again", "v2", false, source.VersionQuery{})
	}
	p.says(2.501, "AWSCURRENT=v1", "AWSPREVIOUS=v2")
	p.want("a rollback", "v1", false, source.VersionQuery{})
}

// A label that an older description lacks is there still.
func TestAnOlderAnswerTakesNoLabelAway(t *testing.T) {
	p := newScripted(t)
	blue := source.VersionQuery{Ref: source.Ref{SecretID: scriptedID, VersionStage: "blue"}}
	p.says(2, "AWSCURRENT=v2", "blue=v1")
	p.want("at first", "v1", false, blue)
	p.says(1, "AWSCURRENT=v2")
	p.want("an older answer", "v1", true, blue)
	p.says(3, "AWSCURRENT=v2")
	if _, err := p.ask(blue); source.KindOf(err) != source.VersionNotFound || source.IsOutdated(err) {
		t.Errorf("once the label is taken away AWS says %v", err)
	}
}

// Whatever dates say, what AWS alone says for long is how things are.
func TestOlderAnswersAreFollowedAfterLong(t *testing.T) {
	p := newScripted(t)
	p.says(2, "AWSCURRENT=v2")
	p.want("at first", "v2", false, source.VersionQuery{})
	p.says(1, "AWSCURRENT=v1")
	p.want("an older answer", "v2", true, source.VersionQuery{})
	p.now = p.now.Add(olderLasts - time.Second)
	p.says(2, "AWSCURRENT=v2")
	p.want("a newer one in between", "v2", false, source.VersionQuery{})
	p.says(1, "AWSCURRENT=v1")
	p.want("an older one again", "v2", true, source.VersionQuery{})
	p.now = p.now.Add(olderLasts)
	p.want("older ones alone", "v1", false, source.VersionQuery{})
}

// After a restart status alone knows what was seen.
func TestAnAnswerOlderThanStatusIsNotFollowed(t *testing.T) {
	p := newScripted(t)
	p.says(1, "AWSCURRENT=v1")
	known := source.VersionQuery{Synced: synced()}
	p.want("an older answer", "v2", true, known)
	p.want("for one that was never synced", "v1", false, source.VersionQuery{})
	elsewhere := known
	elsewhere.Synced.Region = "eu-central-1"
	p.want("a date of another region", "v1", false, elsewhere)
	pinned := known
	pinned.Ref = source.Ref{SecretID: scriptedID, VersionID: "v1"}
	p.want("a pinned version", "v1", false, pinned)
	p.says(2, "AWSCURRENT=v2")
	p.want("the synced state", "v2", false, known)
	p.says(1, "AWSCURRENT=v1")
	p.want("the older answer again", "v2", true, source.VersionQuery{})
	p.says(3, "AWSCURRENT=v1")
	p.want("a rollback", "v1", false, known)
	again := newScripted(t)
	again.says(1, "AWSCURRENT=v1")
	again.want("an older answer", "v2", true, known)
	again.now = again.now.Add(olderLasts)
	again.want("older ones alone, for long", "v1", false, known)
}

// A secret that was made again under its name is younger than its predecessor.
func TestThePredecessorOfASecretDoesNotComeBack(t *testing.T) {
	p := newScripted(t)
	p.says(1, "AWSCURRENT=old")
	predecessor := p.answers[describeSecret]
	p.want("the predecessor", "old", false, source.VersionQuery{})
	p.says(2, "AWSCURRENT=new")
	p.answers[describeSecret] = strings.Replace(p.answers[describeSecret], "-a1B2c3", "-z9Y8x7", 1)
	p.want("the successor", "new", false, source.VersionQuery{})
	p.answers[describeSecret] = predecessor
	p.want("an older answer", "new", true, source.VersionQuery{})
	p.want("the predecessor by its ARN", "old", false, source.VersionQuery{Ref: source.Ref{SecretID: benchARN}})
}

// Where DescribeSecret is denied there is no date of the secret: an older version is a rollback, or out of date.
func TestAnOlderValueIsFollowedOnceItHasLasted(t *testing.T) {
	p := newScripted(t)
	p.denied = true
	known := source.VersionQuery{Synced: synced()}
	p.gives("v1", 1)
	p.want("an older version", "v2", true, known)
	p.now = p.now.Add(doubtLasts - time.Second)
	p.gives("v2", 2.5)
	p.want("the newer one in between", "v2", false, known)
	p.gives("v1", 1)
	p.want("the older one again", "v2", true, known)
	p.gives("v0", 0)
	p.want("another older one", "v2", true, known)
	p.gives("v3", 2.9)
	p.want("one of the same second", "v2", true, known)
	p.gives("v4", 3)
	p.want("a newer version", "v4", false, known)
	p.gives("v1", 1)
	p.want("the older one once more", "v2", true, known)
	p.now = p.now.Add(doubtLasts)
	p.want("the older one alone, for a while", "v1", false, known)
	p.want("for one that was never synced", "v1", false, source.VersionQuery{})
}

func TestDescribeSecretProvesARollback(t *testing.T) {
	p := newScripted(t)
	p.denied = true
	known := source.VersionQuery{Synced: synced()}
	p.gives("v1", 1)
	p.want("an older version", "v2", true, known)
	p.denied = false
	p.says(3, "AWSCURRENT=v1", "AWSPREVIOUS=v2")
	p.want("the older version, once DescribeSecret is allowed", "v1", false, known)
}

// A description from before the synced version was made is older than that version, whatever else is known of it.
func TestADescriptionFromBeforeTheSyncedVersionProvesNothing(t *testing.T) {
	p := newScripted(t)
	p.denied = true
	known := source.VersionQuery{Synced: synced()}
	known.Synced.Changed = time.Time{} // Its value alone was read.
	p.gives("v1", 1)
	if seen, err := p.ask(known); err != nil || !seen.Uncertain {
		t.Errorf("an older version is not held back: %v", err)
	}
	p.denied = false
	p.says(1.5, "AWSCURRENT=v1")
	p.want("a description from before", "v2", true, known)
	p.says(2.5, "AWSCURRENT=v1", "AWSPREVIOUS=v2")
	if seen, err := p.ask(known); err != nil || seen.Version.ID != "v1" || seen.Uncertain {
		t.Errorf("a rollback is not followed: %v", err)
	}
}

func TestASecretThatIsNotThereMayBeSoon(t *testing.T) {
	for name, denied := range map[string]bool{"described": false, "by its value": true} {
		t.Run(name, func(t *testing.T) {
			p := newScripted(t)
			p.denied = denied
			p.lacks()
			missing := func(what string, behind bool, query source.VersionQuery) {
				t.Helper()
				if _, err := p.ask(query); source.KindOf(err) != source.SecretNotFound || source.IsOutdated(err) != behind {
					t.Errorf("%s: %v, behind: %v", what, err, source.IsOutdated(err))
				}
			}
			known := source.VersionQuery{Synced: synced()}
			missing("one that was never there", false, source.VersionQuery{})
			missing("one that is synced", true, known)
			p.now = p.now.Add(doubtLasts)
			missing("one that has been away for a while", false, known)
			p.says(2, "AWSCURRENT=v2")
			p.gives("v2", 2)
			p.want("once it is back", "v2", false, known)
			p.lacks()
			missing("once it is away again", true, known)
			p.source.Expect(source.Change{Name: scriptedID, Region: localaws.DefaultRegion, At: date(5)})
			missing("one that an event says was made", true, source.VersionQuery{})
		})
	}
}
