package moto

// Where the sources below are.
const (
	model = "service model: "
	// recorded are answers of the real service in public snapshot tests (LocalStack,
	// tests/aws/services/secretsmanager).
	recorded = "recorded from the real service: "
	// reported are answers of the real service in public bug reports.
	reported = "reported of the real service: "
	page     = "page "
	example  = "examples of the aws command line: "
)

// refusal matches the paths of a call that one endpoint refuses, or that both refuse differently.
const refusal = "refused|status"

// listKnownDifferences lists all known differences. The first entry that matches counts.
func listKnownDifferences() []knownDifference {
	var all []knownDifference
	for _, some := range [][]knownDifference{
		differencesOfTheProtocol(), differencesOfVersions(), differencesOfBounds(), differencesOfNames(), differencesOfLabels(),
		differencesOfDeletions(), differencesOfLists(), differencesOfReplicas(), differencesOfRotation(),
	} {
		all = append(all, some...)
	}
	return all
}

func differencesOfTheProtocol() []knownDifference {
	return []knownDifference{
		{"[A-Z].*", "content-type", "application/x-amz-json-1.1", "text/html; charset=utf-8|application/json", localRight, model + "JSON protocol 1.1"},
		{"[A-Z].*", "status", "400", "404", localRight, recorded + "a secret, a label or a version that can't be found is an HTTP status 400 (test_secret_not_found)"},
		{"DescribeSecret", `SecretVersionsToStages\..*`, "-", ".*", localRight, model + "DescribeSecretResponse has VersionIdsToStages alone"},
		{"ListSecrets", `SecretList\[.\]\.VersionIdsToStages\..*`, "-", ".*", localRight, model + "SecretListEntry has SecretVersionsToStages alone"},
		{"create/no token", refusal, "InvalidRequestException|400", "no|200", localRight, recorded + "test_no_client_request_token"},
	}
}

func differencesOfVersions() []knownDifference {
	const versions = "ListSecretVersionIds"
	return []knownDifference{
		{"DescribeSecret", `VersionIdsToStages\.#.`, "-", `\[\]`, localRight, model + "VersionIdsToStages lists versions that have staging labels attached"},
		{"GetSecretValue", "VersionStages", "-", `\[\]`, either, "no source says whether an empty list is written; clients read both alike"},
		{"put/all versions", `Versions\[.\]\.VersionStages`, "-", `\[\]`, localRight, example + "list-secret-version-ids leaves VersionStages out of a version that has no label"},
		{"put/versions with labels", `Versions\[.\]\..*`, ".*", ".*", localRight, model + "by default, versions without staging labels aren't included (IncludeDeprecated)"},
		{versions, "ARN", `arn:aws:secretsmanager:.*`, `[a-z/]+`, localRight, model + "ListSecretVersionIdsResponse.ARN is the ARN of the secret"},
		{versions, "NextToken", "-", "", localRight, model + "NextTokenType has at least 1 character"},
		{versions, `Versions\[.\]\.KmsKeyIds\[0\]`, ".+", "-", localRight, recorded + "KmsKeyIds is DefaultEncryptionKey without a key of one's own (test_update_secret_version_stages_current_previous)"},
		{versions, `Versions\[.\]\.LastAccessedDate`, "-", "a date", localRight, recorded + "LastAccessedDate is left out for a version that was never read"},
		{"DescribeSecret|ListSecrets", `(SecretList\[.\]\.)?LastAccessedDate`, "a date", "-", localRight, recorded + "DescribeSecret has LastAccessedDate once the value was read (test_create_and_update_secret)"},
		{"update/sent again", refusal, "ResourceExistsException|400", "no|200", localRight, model + "UpdateSecret with a ClientRequestToken that matches an existing version's VersionId results in an error"},
	}
}

func differencesOfBounds() []knownDifference {
	const invalid, taken = "ValidationException|400", "no|200"
	return []knownDifference{
		{"create/(an empty name|a name of 513)", refusal, invalid, taken, localRight, model + "NameType has 1 to 512 characters"},
		{"create/an empty text", refusal, invalid, taken, localRight, model + "SecretStringType has at least 1 character"},
		{"(put|update)/an empty text", "refused", "ValidationException", "InvalidRequestException|ResourceExistsException", localRight, model + "SecretStringType has at least 1 character"},
		{"(create|put)/a text of 65537", refusal, invalid, taken, localRight, model + "SecretStringType has at most 65536 characters"},
		{"(create|put|update)/text and binary", refusal, "InvalidParameterException|400", taken, localRight, reported + "You can't specify both a binary secret value and a string secret value in the same secret (aws-sdk-java, issue 1556)"},
		{"put/an id that can be none", refusal, invalid, "ResourceNotFoundException|404", localRight, model + "SecretVersionIdType has 32 to 64 characters"},
		{"list/a filter without values", "refused", "ValidationException", "InvalidParameterException", localRight, model + "FilterValuesStringList has at least 1 entry"},
		{"list/an empty list of values", refusal, invalid, taken, localRight, model + "FilterValuesStringList has at least 1 entry"},
		{"list/11 values", refusal, invalid, taken, localRight, model + "FilterValuesStringList has at most 10 entries"},
		{"list/11 filters", refusal, "InvalidParameterException|400", taken, localRight, reported + "The filter list has too many filters. You can include up to 10 filters. (block/ftl, issue 1937)"},
		{"list/a page of (0|101)", refusal, invalid, taken, localRight, model + "MaxResultsType is 1 to 100"},
		{"batch/a page of 21", refusal, invalid, taken, localRight, model + "MaxResultsBatchType is 1 to 20"},
		{"batch/21 names", refusal, "InvalidParameterException|400", taken, localRight, model + "SecretIdListType has at most 20 entries"},
		{"batch/neither", refusal, "InvalidParameterException|400", taken, localRight, model + "you must include Filters or SecretIdList, but not both"},
		{"(list|batch)/a bad token", refusal, "InvalidNextTokenException|400", "no JSON|500", localRight, model + "InvalidNextTokenException: the NextToken value is invalid"},
		{"passwords/of 1, of no type", refusal, "no|200", "InvalidParameterException|400", localRight, model + "PasswordLengthType is at least 1, and RequireEachIncludedType can be turned off"},
		{"passwords/of 0", "refused", "ValidationException", "InvalidParameterException", localRight, model + "PasswordLengthType is at least 1"},
		{"passwords/of 4097", "refused", "ValidationException", "InvalidParameterValue", localRight, model + "PasswordLengthType is at most 4096, and no operation has an error InvalidParameterValue"},
		{"passwords/of nothing", refusal, "InvalidParameterException|400", "no JSON|500", localRight, model + "InvalidParameterException: the parameter name or value is invalid"},
		{"tags/no JSON", refusal, "MalformedPolicyDocumentException|400", taken, localRight, model + "MalformedPolicyDocumentException: the resource policy has syntax errors"},
	}
}

func differencesOfNames() []knownDifference {
	const invalid, none = "ValidationException|400", "ResourceNotFoundException|404"
	return []knownDifference{
		{"create/(a blank in the name|a letter of another alphabet)", refusal, invalid, "no|200", localRight, recorded + "Invalid name. Must be a valid name containing alphanumeric characters … (test_invalid_secret_name)"},
		{"ids/a blank.*", refusal, invalid, none, localRight, recorded + "test_invalid_secret_name, for every operation"},
		{"ids/an ARN (without a name|of something else)", refusal, invalid, none, localRight, reported + "Invalid name. Must be a valid name … for an ARN that is none of a secret (terraform-provider-aws, issue 39406)"},
		{"ids/an (empty id|id of 2049)", refusal, invalid, none, localRight, model + "SecretIdType has 1 to 2048 characters"},
		{"ids/an ARN of another region", refusal, "ResourceNotFoundException|400", "no|200", localRight, page + "Finding a secret from a partial ARN: a region knows its own secrets"},
		{"ids/its partial ARN", refusal, "ResourceNotFoundException|400", "no|200", localRight, recorded + "test_create_and_update_secret with the name Invalid/_+=.@-Name-a1b2c3"},
		{"missing/versions", refusal, "ResourceNotFoundException|400", "no JSON|500", localRight, recorded + "test_secret_not_found"},
	}
}

func differencesOfLabels() []knownDifference {
	return []knownDifference{
		{"stages/it moves, RemoveFrom is empty", refusal, "InvalidParameterException|400", "no|200", localRight, model + "RemoveFromVersionId: if the label is attached and you do not specify this parameter, the operation fails"},
		{"stages/AWSCURRENT off all versions", refusal, "InvalidParameterException|400", "no|200", localRight, page + "What's in a Secrets Manager secret?: there is always a version labeled AWSCURRENT"},
		{"stages/to a version that is not there", "refused", "ResourceNotFoundException", "InvalidParameterException", either, "UpdateSecretVersionStage may return both, and no source says which"},
		{"stages/no label named", "SecretString|VersionId|VersionStages.*", "one|#1|AWSCURRENT", "two|#2|AWSPREVIOUS", localRight, model + "GetSecretValue without VersionStage and VersionId returns the AWSCURRENT version"},
		{"stages/in a batch", `SecretValues\[0\]\..*`, "one|#1|AWSCURRENT", "two|#2|AWSPREVIOUS", localRight, model + "the same of BatchGetSecretValue"},
		{"stages/labels after such a put", `VersionIdsToStages\..*`, ".*", ".*", localRight, model + "each staging label can be attached to only one version at a time; " + recorded + "AWSPENDING leaves the version that loses AWSCURRENT (test_update_secret_version_stages_current_pending)"},
	}
}

func differencesOfDeletions() []knownDifference {
	const marked = "InvalidRequestException|400"
	return []knownDifference{
		{"DescribeSecret|ListSecrets", `(SecretList\[.\]\.)?DeletedDate`, "in 0 days", "in (7|30) days", either, model + "DescribeSecretResponse speaks of the date for which the deletion is scheduled, SecretListEntry of the date on which it occurred"},
		{"delete/deleted, a new value", refusal, marked, "no|200", localRight, model + "InvalidRequestException: the secret is scheduled for deletion"},
		{"delete/restored, (described|read)", ".*", ".*", ".*", localRight, "what follows from the value that moto took into a deleted secret"},
		{"delete/created though deleted", "refused", "InvalidRequestException", "ResourceExistsException", localRight, recorded + "test_exp_raised_on_creation_of_secret_scheduled_for_deletion"},
		{"delete/(it is tagged|it is untagged|its label is moved|its policy is put)", refusal, marked, "no|200", localRight, model + "InvalidRequestException: the secret is scheduled for deletion"},
		{"delete/recreated at once", refusal, marked, "no|200", localRight, model + "ForceDeleteWithoutRecovery deletes with an asynchronous background process; use appropriate back off and retry logic"},
		{"batch/a deleted one", `Errors\[0\]\.Message`, ".*", "An error.*", localRight, reported + "You can't perform this operation on the secret because it was marked for deletion. (kubernetes-external-secrets, issue 114)"},
	}
}

func differencesOfLists() []knownDifference {
	return []knownDifference{
		{"(list|batch)/a page.*", "NextToken", "page-.", ".", either, "what a token holds is the service's own"},
		{"list/backwards", `SecretList\[.\]\..*`, ".*", ".*", localRight, model + "SortOrder: secrets are listed by CreatedDate"},
		{"list/by name", `SecretList\[.\]\..*`, ".*", ".*", localRight, model + "SortBy: name"},
		{"batch/one without a value", refusal, "no|200", "ResourceNotFoundException|404", localRight, model + "BatchGetSecretValue: errors of single secrets are in Errors"},
	}
}

func differencesOfReplicas() []knownDifference {
	return []knownDifference{
		{"replicas/the primary", "PrimaryRegion", "eu-south-1", "-", localRight, example + "describe-secret has PrimaryRegion in the primary's own region"},
		{"replicas/the replica", `ReplicationStatus\[0\]\..*`, "-", ".*", localRight, model + "ReplicationStatus is a list of the replicas of this secret; a replica has none"},
		{"replicas/a new value", `ReplicationStatus\[0\]\..*`, "-", ".*", localRight, model + "PutSecretValueResponse has no ReplicationStatus"},
		{"ListSecrets", `SecretList\[0\]\.ReplicationStatus\[0\]\..*`, "-", ".*", localRight, model + "SecretListEntry has no ReplicationStatus"},
		{"replicas/no replica any more", "ARN", "arn:.*", "db", localRight, model + "RemoveRegionsFromReplicationResponse.ARN is the ARN of the primary secret"},
	}
}

func differencesOfRotation() []knownDifference {
	return []knownDifference{
		{"rotate/a missing function", refusal, "AccessDeniedException|400", "ResourceNotFoundException|404", either, "no source says how a function that is not there differs from one that may not be called"},
		{"rotate/nothing is kept", ".*", "-", ".*", localRight, model + "a refused call sets nothing: the operation sets the values for the secret and then starts a rotation"},
		{"rotate/no rotation to cancel", refusal, "no|200", "InvalidRequestException|400", either, "the page of CancelRotateSecret has no such cause but the list of causes that every operation has"},
		{"rotate/no function", refusal, "InvalidRequestException|400", "no|200", localRight, model + "InvalidRequestException: you tried to enable rotation on a secret that doesn't already have a Lambda function ARN configured"},
		{"rotate/still not rotated", ".*", ".*", ".*", localRight, "what follows from the rotation that moto did without a function"},
	}
}
