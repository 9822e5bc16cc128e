package localaws

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/secretsync/secretsync/controllers/iam"
)

// Limits of page "AssumeRole" of the STS API reference, and of page "Pass session tags in AWS STS".
const (
	durationLeast, durationMost = 900, 43200
	chainedMost                 = time.Hour
	sessionTagsMost             = 50
	tagKeyMost, tagValueMost    = 128, 256
)

var (
	namePatternOfSTS = regexp.MustCompile(`^[\w+=,.@-]*$`)
	tagPattern       = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
)

// assumeInput has the parameters that AssumeRole and AssumeRoleWithWebIdentity share.
type assumeInput struct {
	account, role, arn                  string
	session, externalID, sourceIdentity string
	lasts                               time.Duration
	tags                                map[string]string
	tagKeys, transitive                 []string
	bound                               *iam.Policy
	// inherited says that the session inherits tags, which needs sts:TagSession too.
	inherited bool
}

func readAssumeInput(form url.Values) (*assumeInput, error) {
	i := &assumeInput{
		arn: form.Get("RoleArn"), session: form.Get("RoleSessionName"), externalID: form.Get("ExternalId"),
		sourceIdentity: form.Get("SourceIdentity"), transitive: members(form, "TransitiveTagKeys.member.%d"),
	}
	found := rolePattern.FindStringSubmatch(i.arn)
	if found == nil {
		return nil, refuse("ValidationError", "%s is invalid", i.arn)
	}
	i.account, i.role = found[1], found[2]
	if err := namedWell("roleSessionName", i.session); err != nil {
		return nil, err
	}
	if i.sourceIdentity != "" {
		if err := namedWell("sourceIdentity", i.sourceIdentity); err != nil {
			return nil, err
		}
	}
	if err := i.readDuration(form.Get("DurationSeconds")); err != nil {
		return nil, err
	}
	if text := form.Get("Policy"); text != "" {
		policy, err := iam.ParseIdentity(text)
		if err != nil {
			return nil, refuse("MalformedPolicyDocument", "Syntax errors in policy.")
		}
		i.bound = policy
	}
	return i, i.readTags(form)
}

// invalid has AWS's text for a parameter that violates a constraint of the API.
func invalid(value, parameter, constraint string) error {
	return refuse("ValidationError", "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must %s", value, parameter, constraint)
}

// namedWell checks names of sessions and source identities.
func namedWell(parameter, name string) error {
	switch {
	case len(name) < 2:
		return invalid(name, parameter, "have length greater than or equal to 2")
	case len(name) > 64:
		return invalid(name, parameter, "have length less than or equal to 64")
	case !namePatternOfSTS.MatchString(name):
		return invalid(name, parameter, `satisfy regular expression pattern: [\w+=,.@-]*`)
	}
	return nil
}

func (i *assumeInput) readDuration(text string) error {
	if text == "" {
		return nil
	}
	seconds, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return refuse("MalformedInput", "DurationSeconds is no number")
	case seconds < durationLeast:
		return invalid(text, "durationSeconds", fmt.Sprintf("have value greater than or equal to %d", durationLeast))
	case seconds > durationMost:
		return invalid(text, "durationSeconds", fmt.Sprintf("have value less than or equal to %d", durationMost))
	}
	i.lasts = time.Duration(seconds) * time.Second
	return nil
}

func (i *assumeInput) readTags(form url.Values) error {
	i.tagKeys = members(form, "Tags.member.%d.Key")
	i.tags = map[string]string{}
	if len(i.tagKeys) > sessionTagsMost {
		return invalid("["+strings.Join(i.tagKeys, ", ")+"]", "tags", fmt.Sprintf("have length less than or equal to %d", sessionTagsMost))
	}
	known := map[string]bool{}
	for n, key := range i.tagKeys {
		value := form.Get(fmt.Sprintf("Tags.member.%d.Value", n+1))
		at := fmt.Sprintf("tags.%d.member.", n+1)
		switch {
		case utf8.RuneCountInString(key) > tagKeyMost:
			return invalid(key, at+"key", fmt.Sprintf("have length less than or equal to %d", tagKeyMost))
		case utf8.RuneCountInString(value) > tagValueMost:
			return invalid(value, at+"value", fmt.Sprintf("have length less than or equal to %d", tagValueMost))
		case !tagPattern.MatchString(key):
			return invalid(key, at+"key", `satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`)
		case !tagPattern.MatchString(value):
			return invalid(value, at+"value", `satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]*`)
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return refuse("InvalidParameterValue", "System tag keys cannot be specified by user.")
		case known[strings.ToLower(key)]:
			return refuse("InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		known[strings.ToLower(key)] = true
		i.tags[key] = value
	}
	for _, key := range i.transitive {
		if !known[strings.ToLower(key)] {
			return refuse("InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.")
		}
	}
	return nil
}

// members reads a list of the Query protocol.
func members(form url.Values, name string) []string {
	var list []string
	for n := 1; form.Has(fmt.Sprintf(name, n)); n++ {
		list = append(list, form.Get(fmt.Sprintf(name, n)))
	}
	return list
}

// fits checks how long a session of a role may last.
func (i *assumeInput) fits(most time.Duration, chained bool) error {
	if chained && i.lasts > chainedMost {
		return refuse("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	if i.lasts > most {
		return refuse("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return nil
}

// conditions are the condition keys of page "IAM and AWS STS condition context keys".
func (i *assumeInput) conditions(c iam.Context) {
	c.Set("sts:RoleSessionName", i.session)
	c.SetText("sts:ExternalId", i.externalID)
	c.SetText("sts:SourceIdentity", i.sourceIdentity)
	c.Set("sts:TransitiveTagKeys", i.transitive...)
	c.SetTags("aws:RequestTag/", i.tags)
	c.Set("aws:TagKeys", i.tagKeys...)
	if i.lasts > 0 {
		c.Set("sts:DurationSeconds", strconv.Itoa(int(i.lasts.Seconds())))
	}
}
