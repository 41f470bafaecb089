#!/usr/bin/env bash
# The whole journey by curl, against a running `make run`: a customer searches,
# books, moves and cancels; another one books and is served; the verdict of
# first-time fix; a referral that reaches sales and the CRM, which tells what became of
# it. Needs curl, jq and openssl.
#
#   . .firstfix/env && docs/journey.sh
set -euo pipefail
: "${API:?start \`make run\`, then: . .firstfix/env}"

step() { printf '\n== %s\n' "$*"; }
new() { cat /proc/sys/kernel/random/uuid; }
# call METHOD PATH TOKEN [BODY]: prints the answer; a refusal ends the journey.
call() {
  local answer
  answer=$(curl -sS --fail-with-body -X "$1" "$API$2" -H "Authorization: Bearer $3" ${4:+-d "$4"}) || { echo "$1 $2: $answer" >&2; return 1; }
  printf '%s\n' "$answer"
}
now() { curl -sS "$CONTROL/clock" | jq -r .now; }
# later DURATION: moves domain time, as only a development stack can, and waits
# until everything that became due is done.
later() {
  local at
  at=$(date -u -d "$(now) + $1" +%Y-%m-%dT%H:%M:%SZ)
  curl -sS -X POST "$CONTROL/clock" -d "{\"now\": \"$at\", \"rate\": 1}" >/dev/null
  drain
}
drain() {
  for _ in $(seq 300); do
    [ "$(curl -sS "$CONTROL/drained" | jq .drained)" = true ] && return
    sleep 0.2
  done
  echo "not everything due was done within a minute: $(curl -sS "$CONTROL/drained")" >&2
  return 1
}
date_of() { jq -nc --arg d "$1" '$d | split("-") | {year: (.[0] | tonumber), month: (.[1] | tonumber), day: (.[2] | tonumber)}'; }

SERVICE=services/boiler-breakdown
TODAY=$(now | cut -c1-10)
search() { # FROM-DAYS UNTIL-DAYS [EXTRA JSON]
  local from until
  from=$(date_of "$(date -u -d "$TODAY + $1 days" +%F)")
  until=$(date_of "$(date -u -d "$TODAY + $2 days" +%F)")
  echo "{\"startDate\": $from, \"endDate\": $until, ${3:-\"place\": $PLACE, \"service\": \"$SERVICE\"}}"
}
site=$(call GET "/v1/sites:search?pageSize=1" "$DISPATCHER" | jq '.sites[0]')
PLACE=$(jq -c '{address: (.address + " (rear)"), location}' <<<"$site")

step "A visitor searches: windows with price, reasons and how sure they are"
offers=$(call POST /v1/slotOffers:search "$VISITOR" "$(search 1 5)")
[ "$(jq ".offers | length" <<<"$offers")" != 0 ] || { echo "no offers: the sample has shifts for three weeks, and the journey moves the clock past them; start again with make run ARGS=--fresh" >&2; exit 1; }
jq -r '.offers[:4][] | "\(.window.startTime) – \(.window.endTime)  \(.price.units) \(.price.currencyCode)  on time \(.onTimeProbability)  \(.reasons | join(" "))"' <<<"$offers"

book() { # NAME → the answer of ConfirmHold
  local slot hold
  slot=$(call POST /v1/slotOffers:search "$VISITOR" "$(search 1 3)" | jq -r '.offers[0].slotToken')
  hold=$(call POST /v1/holds "$VISITOR" "{\"slotToken\": \"$slot\", \"requestId\": \"$(new)\"}")
  call POST "/v1/$(jq -r .name <<<"$hold"):confirm" "$VISITOR" "$(jq -nc --arg token "$(jq -r .holdToken <<<"$hold")" --arg name "$1" --arg id "$(new)" \
    '{holdToken: $token, customerDetails: {displayName: $name, email: ($name | ascii_downcase | gsub(" "; ".") + "@example.org")}, issue: "No heat since this morning", allowDuplicate: true, requestId: $id}')"
}

step "She holds the first one and confirms"
booked=$(book "Maya Example")
appointment=$(jq -r .appointment.name <<<"$booked")
jq '.appointment | {name, state, window, price, priceLines, visit}' <<<"$booked"

step "Her link opens that one appointment, for half an hour"
opened=$(call POST /v1/appointments:openLink "" "{\"linkToken\": \"$(jq -r .linkToken <<<"$booked")\"}")
LINK=$(jq -r .accessToken <<<"$opened")
echo "access token ${LINK:0:12}… for $(jq -r .appointment.name <<<"$opened")"

step "She moves it: the old window is kept until the new one is taken"
slot=$(call POST /v1/slotOffers:search "$LINK" "$(search 3 6 "\"appointment\": \"$appointment\"")" | jq -r '.offers[0].slotToken')
moved=$(call POST "/v1/$appointment:reschedule" "$LINK" "{\"slotToken\": \"$slot\", \"etag\": $(jq .appointment.etag <<<"$opened"), \"reason\": \"At work that day\", \"requestId\": \"$(new)\"}")
jq '{state, window}' <<<"$moved"

step "She would rather have him earlier: she waits for a window that becomes free"
joined=$(call POST /v1/waitlistEntries:join "$LINK" "$(jq -nc --arg a "$appointment" --argjson from "$(date_of "$TODAY")" --argjson until "$(date_of "$(date -u -d "$TODAY + 9 days" +%F)")" --arg id "$(new)" \
  '{appointment: $a, startDate: $from, endDate: $until, requestId: $id}')")
hour=$((10#$(now | cut -c12-13)))
if [ "$hour" -ge 1 ] && [ "$hour" -lt 14 ]; then later "$((14 - hour)) hours"; fi # nobody is asked at night
for _ in $(seq 60); do
  waiting=$(call POST /v1/waitlistEntries:openLink "" "{\"linkToken\": $(jq .linkToken <<<"$joined")}")
  [ "$(jq -r .state <<<"$waiting")" = WAITLIST_STATE_OFFERED ] && break
  sleep 0.5
done
jq '{state, offer}' <<<"$waiting"
call POST /v1/waitlistEntries:answerLink "" "{\"linkToken\": $(jq .linkToken <<<"$joined"), \"answer\": \"WAITLIST_ANSWER_ACCEPT\", \"offer\": $(jq .offer.ordinal <<<"$waiting"), \"requestId\": \"$(new)\"}" | jq '{state, appointment}'

step "She cancels; the ledger of promises keeps all of it"
call POST "/v1/$appointment:cancel" "$LINK" "{\"reason\": \"It works again\", \"requestId\": \"$(new)\"}" | jq '{state, cancelReason}'
call GET "/v1/$appointment/promises" "$DISPATCHER" | jq -r '.promises[] | "\(.window.startTime)  \(.outcome)  \(.reason)"'

step "Another customer books; the dispatcher plans the day"
booked=$(book "Noah Example")
visit=$(jq -r .appointment.visit <<<"$booked")
order=$(jq -r .appointment.workOrder <<<"$booked")
area=$(call GET "/v1/$visit" "$DISPATCHER" | jq -r .planningArea)
day=$(date_of "$(date -u -d "$(jq -r .appointment.window.startTime <<<"$booked")" +%F)")
call POST "/v1/$area:planDay" "$DISPATCHER" "{\"date\": $day, \"requestId\": \"$(new)\"}" |
  jq '{name, version, routes: (.routes | length), stops: ([.routes[].stops[]] | length), travel, work, leftovers: ((.leftovers // []) | length)}'
call GET "/v1/$area/outlook?date.year=$(jq .year <<<"$day")&date.month=$(jq .month <<<"$day")&date.day=$(jq .day <<<"$day")" "$DISPATCHER" |
  jq -r '[.visits[] | select(.visit.window)][:3][] | "promised \(.visit.window.startTime), expected \(.expectedStartTime), missed with probability \((.missProbability // 0) * 100 | round / 100)"'
call GET "/v1/$area/readiness?date.year=$(jq .year <<<"$day")&date.month=$(jq .month <<<"$day")&date.day=$(jq .day <<<"$day")" "$DISPATCHER" |
  jq -r '"\([.visits[] | select(.ready)] | length) visits are ready", ([.visits[] | select(.missingParts)][:3][] | .missingParts[0] | "one lacks \(.part): \(.onVan // 0) of \(.needed) on the van; \([.sources[]? | "\(.quantity) at \(.place)"] | join(", "))")'
planned=$(call GET "/v1/$visit" "$DISPATCHER")
jq '{state, technician, plannedStartTime, window}' <<<"$planned"

step "The technician of that visit works it, from his own device"
technician=$(jq -r .technician <<<"$planned")
subject=journey-${technician#technicians/}
call POST /v1/members:grantRole "$ADMINISTRATOR" "{\"member\": {\"issuer\": \"$ISSUER\", \"subject\": \"$subject\", \"role\": \"ROLE_TECHNICIAN\", \"displayName\": \"The technician\", \"technician\": \"$technician\"}, \"requestId\": \"$(new)\"}" >/dev/null
HIS=$(curl -sS -X POST "$ISSUER/token" -d "{\"subject\": \"$subject\"}" | jq -r .access_token)
curl -sS -X POST "$CONTROL/clock" -d "{\"now\": \"$(jq -r .plannedStartTime <<<"$planned")\", \"rate\": 1}" >/dev/null
device=$(new); seq=0; events=
event() { # MINUTES KIND-JSON
  seq=$((seq + 1))
  local at; at=$(date -u -d "$(jq -r .plannedStartTime <<<"$planned") + $1 minutes" +%Y-%m-%dT%H:%M:%SZ)
  events="$events${events:+, }{\"eventId\": \"$(new)\", \"deviceId\": \"$device\", \"epoch\": 1, \"seq\": $seq, \"occurTime\": \"$at\", \"visit\": \"$visit\", $2}"
}
event -20 '"enRoute": {}'
event 0 '"arrived": {}'
event 2 '"started": {}'
event 50 '"completed": {"outcome": "VISIT_OUTCOME_RESOLVED", "note": "Igniter replaced"}'
later "1 hour"
call POST /v1/fieldwork:uploadEvents "$HIS" "{\"events\": [$events]}" | jq -c '.results[] | .status'
call GET "/v1/$visit" "$DISPATCHER" | jq '{state, outcome, arriveTime, finishTime}'

step "A CRM gets what changes, and is given a key"
endpoint=$(call POST "/v1/webhookEndpoints?requestId=$(new)" "$ADMINISTRATOR" "{\"displayName\": \"CRM\", \"url\": \"$CRM\"}")
jq '{name, url, state, inboxPath: (.inboxPath[:20] + "…")}' <<<"$endpoint"
key=$(jq -r '.secret | ltrimstr("whsec_")' <<<"$endpoint" | base64 -d | od -An -v -tx1 | tr -d ' \n')
signature() { openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64; } # of what comes in

step "Whom would it go to? A dry run of the rules says it"
call POST /v1/routingRules:dryRun "$SALES" '{"cases": [{"urgency": "REFERRAL_URGENCY_HIGH"}]}' | jq -c '.traces[] | {owner, salesDesk, acceptDueTime}, (.steps[] | {routingRule, miss})'

step "The technician noticed something: a referral, with the customer's consent"
referral=$(call POST "/v1/referrals?requestId=$(new)" "$HIS" "{\"visit\": \"$visit\", \"need\": \"The boiler is 22 years old and burns too much\", \"suggestion\": \"A heat pump\", \"urgency\": \"REFERRAL_URGENCY_NORMAL\", \"consentChannel\": \"CONSENT_CHANNEL_PHONE\"}")
jq '{name, state, salesDesk, owner, acceptDueTime}' <<<"$referral"
name=$(jq -r .name <<<"$referral")
accepted=$(call POST "/v1/$name:accept" "$SALES" "{\"etag\": $(jq .etag <<<"$referral"), \"requestId\": \"$(new)\"}")
jq '{state, acceptTime, stepDueTime}' <<<"$accepted"
drain
posts=$(curl -sS "$CRM_PAGE" | jq -c --arg name "$name" '[.posts[] | select(.body.subject == $name)] | sort_by(.body.data.version)')
jq -r '.[] | "the CRM got version \(.body.data.version): \(.body.data.state), \(.body.data.need)"' <<<"$posts"
for i in $(seq 0 $(($(jq length <<<"$posts") - 1))); do
  post=$(jq ".[$i]" <<<"$posts")
  [ "$(jq -r .signature <<<"$post")" = "v1,$(jq -rj .signed <<<"$post" | signature)" ] || { echo "the signature of $post is not good" >&2; exit 1; }
done
echo "$(jq length <<<"$posts") signatures are good"

step "The CRM tells that it was won; the technician hears of it"
body="{\"type\": \"referral.outcome\", \"data\": {\"referral\": \"$name\", \"state\": \"won\", \"value\": {\"minor\": 940000, \"currency\": \"USD\"}}}"
message=$(new) at=$(date +%s)
curl -sS --fail-with-body -X POST "$API$(jq -r .inboxPath <<<"$endpoint")" -d "$body" \
  -H "webhook-id: $message" -H "webhook-timestamp: $at" -H "webhook-signature: v1,$(printf '%s.%s.%s' "$message" "$at" "$body" | signature)"
echo
call GET "/v1/$name" "$SALES" | jq '{state, value, closeTime}'
call POST /v1/fieldwork:sync "$HIS" '{}' | jq --arg name "$name" '.referrals[] | select(.name == $name) | {feedback, earned, heldBack}'

step "First-time fix: provisional at once, final when the fix window is over"
call GET "/v1/$order" "$DISPATCHER" | jq '{state, fixVerdict}'
later "31 days"
call GET "/v1/$order" "$DISPATCHER" | jq '.fixVerdict | {state, finding, judgeTime}'

step "The customer has stayed 30 days: what was held back is the technician's"
statement() { # TOKEN
  call GET "/v1/payStatement?startTime=$(date -u -d "$TODAY - 1 day" +%FT%TZ)&endTime=$(date -u -d "$TODAY + 60 days" +%FT%TZ)" "$1" |
    jq -r '"\(.payee)  payable \(.closingPayable.units)  held \(.closingHeld.units)", (.lines[] | "  \(.postTime)  \(.reason)  \(.payable.units)  \(.held.units)")'
}
drain
statement "$HIS"
statement "$SALES"

step "Three weeks after the sale: is it installed? The customer's \"no\" opens a case with an owner"
call GET "/v1/followUps?filter=$(jq -rn --arg r "$name" '"referral = \"\($r)\"" | @uri')" "$SALES" | jq -c '.followUps[] | {product, question, side, state}'
link=$(curl -sS "$MAILBOX.json" | jq -r '[.messages[] | .body | scan("follow-up#[A-Za-z0-9_-]+")] | first | ltrimstr("follow-up#")')
call POST /v1/followUps:openLink "" "{\"linkToken\": \"$link\"}" | jq -c '{product, question, state}'
call POST /v1/followUps:answerLink "" "{\"linkToken\": \"$link\", \"answer\": \"FOLLOW_UP_ANSWER_NO\", \"note\": \"Nobody came\", \"requestId\": \"$(new)\"}" | jq -c '{state, answer}'
call GET "/v1/$name" "$SALES" | jq -c '{openCases}'
call GET /v1/serviceCases "$SALES" | jq -c '.serviceCases[] | {owner, state, problem}'

step "What the customers were told"
drain
curl -sS "$MAILBOX.json" | jq -r '.messages[:8][] | "\(.channel)  \(.to | join(", "))  \(.subject)"'

step "The measures"
call GET "/v1/serviceLevels?period.startTime=$(date -u -d "$TODAY - 1 day" +%FT%TZ)&period.endTime=$(date -u -d "$TODAY + 60 days" +%FT%TZ)" "$DISPATCHER" |
  jq '{requests, searches, offered, booked, windowsKept, windowsMissed, firstTimeFix, referrals, notifications, doubleBookings}'
