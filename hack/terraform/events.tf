resource "aws_sqs_queue" "dead_letters" {
  count = var.change_events ? 1 : 0

  name                      = "${var.name}-changes-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue" "changes" {
  count = var.change_events ? 1 : 0

  name                       = "${var.name}-changes"
  visibility_timeout_seconds = 30
  message_retention_seconds  = 345600
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[0].arn
    maxReceiveCount     = 5
  })
}

resource "aws_cloudwatch_event_rule" "changes" {
  count = var.change_events ? 1 : 0

  name = "${var.name}-changes"
  event_pattern = jsonencode({
    source        = ["aws.secretsmanager"]
    "detail-type" = ["Secret Label Updated", "AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"]
  })
}

resource "aws_cloudwatch_event_target" "changes" {
  count = var.change_events ? 1 : 0

  rule = aws_cloudwatch_event_rule.changes[0].name
  arn  = aws_sqs_queue.changes[0].arn
}

resource "aws_sqs_queue_policy" "changes" {
  count = var.change_events ? 1 : 0

  queue_url = aws_sqs_queue.changes[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.changes[0].arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.changes[0].arn } }
    }]
  })
}
