package localaws

import (
	"fmt"
	"strings"
)

// Limits of the service model, which the SDK for Go does not check.
const (
	idMost, filtersMost, filterValuesMost = 2048, 10, 10
	daysLeast, daysMost                   = 1, 1000
)

// limited are inputs with limits.
type limited interface{ check() error }

// outOfBounds has the service's text for a violation of its model. It never quotes a value.
func outOfBounds(member, constraint string, args ...any) error {
	return refuse("ValidationException", "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have %s", member, fmt.Sprintf(constraint, args...))
}

// within checks a number that the caller gave, which must be at least 1.
func within(member string, given *int64, most int64) error {
	switch {
	case given == nil:
	case *given < 1:
		return outOfBounds(member, "value greater than or equal to 1")
	case *given > most:
		return outOfBounds(member, "value less than or equal to %d", most)
	}
	return nil
}

// checkID refuses what can be neither the name nor the ARN of a secret.
func checkID(id string) error {
	switch {
	case id == "":
		return outOfBounds("secretId", "length greater than or equal to 1")
	case len(id) > idMost:
		return outOfBounds("secretId", "length less than or equal to %d", idMost)
	}
	name := id
	if strings.HasPrefix(id, "arn:") {
		arn, _ := splitARN(id)
		name = arn.name
	}
	return checkName(name)
}

func checkName(name string) error {
	if !namePattern.MatchString(name) {
		return refuse("ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	return nil
}

func checkFilters(filters []filter) error {
	if len(filters) > filtersMost {
		return refuse("InvalidParameterException", "The filter list has too many filters. You can include up to %d filters.", filtersMost)
	}
	for i, f := range filters {
		member := fmt.Sprintf("filters.%d.member.values", i+1)
		switch {
		case len(f.Values) == 0:
			return outOfBounds(member, "length greater than or equal to 1")
		case len(f.Values) > filterValuesMost:
			return outOfBounds(member, "length less than or equal to %d", filterValuesMost)
		}
	}
	return nil
}

func (i *valueInput) check() error {
	switch size := len(i.ClientRequestToken); {
	case size == 0: // SDKs fill it in.
		return refuse("InvalidRequestException", "You must provide a ClientRequestToken value. We recommend a UUID-type value.")
	case size < tokenLeast || size > tokenMost:
		return badToken()
	case i.SecretString != nil && i.SecretBinary != nil:
		return refuse("InvalidParameterException", "You can't specify both a binary secret value and a string secret value in the same secret.")
	}
	if i.SecretString != nil {
		if err := checkLength("secretString", len(*i.SecretString), 1, maxValue); err != nil {
			return err
		}
	}
	if i.SecretBinary != nil {
		if err := checkLength("secretBinary", len(i.SecretBinary), 1, maxValue); err != nil {
			return err
		}
	}
	if i.VersionStages == nil {
		return nil
	}
	return checkLength("versionStages", len(i.VersionStages), 1, maxStages)
}

func badToken() error {
	return refuse("InvalidParameterException", "ClientRequestToken must be %d-%d characters long.", tokenLeast, tokenMost)
}

func checkLength(member string, length, least, most int) error {
	switch {
	case length < least:
		return outOfBounds(member, "length greater than or equal to %d", least)
	case length > most:
		return outOfBounds(member, "length less than or equal to %d", most)
	}
	return nil
}

func (i *readInput) check() error {
	if i.VersionId == "" {
		return nil
	}
	return checkLength("versionId", len(i.VersionId), tokenLeast, tokenMost)
}

func (i *listInput) check() error {
	if err := within("maxResults", i.MaxResults, listMost); err != nil {
		return err
	}
	return checkFilters(i.Filters)
}

func (i *versionsInput) check() error { return within("maxResults", i.MaxResults, listMost) }

// check requires either IDs or filters, and allows a page size only with filters (operation BatchGetSecretValue).
func (i *batchInput) check() error {
	switch {
	case len(i.SecretIdList) > batchMost:
		return refuse("InvalidParameterException", "SecretIdList can hold at most %d entries.", batchMost)
	case len(i.SecretIdList) > 0 && len(i.Filters) > 0:
		return refuse("InvalidParameterException", "Either 'SecretIdList' or 'Filters' must be provided, but not both.")
	case len(i.SecretIdList) == 0 && len(i.Filters) == 0:
		return refuse("InvalidParameterException", "Either 'SecretIdList' or 'Filters' must be provided.")
	case i.MaxResults != nil && len(i.Filters) == 0:
		return refuse("InvalidParameterException", "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.")
	}
	if err := within("maxResults", i.MaxResults, batchMost); err != nil {
		return err
	}
	return checkFilters(i.Filters)
}

func (i *rotateInput) check() error {
	switch size := len(i.ClientRequestToken); {
	case size == 0:
		return refuse("InvalidParameterException", "You must provide a ClientRequestToken value. We recommend a UUID-type value.")
	case size < tokenLeast || size > tokenMost:
		return badToken()
	}
	rules := i.RotationRules
	if rules == nil || rules.AutomaticallyAfterDays == nil {
		return nil
	}
	if days := *rules.AutomaticallyAfterDays; days < daysLeast || days > daysMost {
		return refuse("InvalidParameterException", "RotationRules.AutomaticallyAfterDays must be within %d-%d.", daysLeast, daysMost)
	}
	if rules.ScheduleExpression != "" {
		return refuse("InvalidParameterException", "You cannot specify both rotation frequency and schedule expression together.")
	}
	return nil
}

func (i *deleteInput) check() error {
	switch days := i.RecoveryWindowInDays; {
	case days == nil:
	case i.ForceDeleteWithoutRecovery:
		return refuse("InvalidParameterException", "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case *days < windowLeast || *days > windowMost:
		return refuse("InvalidParameterException", "The RecoveryWindowInDays value must be between %d and %d days (inclusive).", windowLeast, windowMost)
	}
	return nil
}

func (i *passwordInput) check() error {
	return within("passwordLength", i.PasswordLength, passwordMost)
}
