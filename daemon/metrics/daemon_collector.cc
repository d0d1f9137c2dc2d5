#include "daemon/metrics/daemon_collector.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "daemon/base/version.h"
#include "daemon/metrics/process_metrics.h"
#include "daemon/policy/action.h"

namespace wspd {
namespace {

using ::wsp::v1::RegistrationEnded;

// How long an answer is good for all that ask.
constexpr absl::Duration kAge = absl::Seconds(1);

// "SOCKET_STATE_OPEN" without "SOCKET_STATE_": "open".
std::string LabelOf(absl::string_view enum_name, absl::string_view prefix) {
  absl::ConsumePrefix(&enum_name, prefix);
  return absl::AsciiStrToLower(enum_name);
}

std::string PlaneLabel(wsp::v1::Plane plane) {
  return plane == wsp::v1::PLANE_UNSPECIFIED
             ? "forwarded"
             : LabelOf(wsp::v1::Plane_Name(plane), "PLANE_");
}

std::string StateLabel(wsp::v1::SocketState state) {
  return LabelOf(wsp::v1::SocketState_Name(state), "SOCKET_STATE_");
}

std::string CauseLabel(int reason) {
  return reason == RegistrationEnded::REASON_UNSPECIFIED
             ? "died"
             : LabelOf(RegistrationEnded::Reason_Name(reason), "REASON_");
}

void AddBytes(const DaemonTotals& totals,
              uint64_t DaemonTotals::Bytes::*direction, Families* families) {
  const std::pair<const char*, const DaemonTotals::Bytes*> planes[] = {
      {"forwarded", &totals.forwarded},
      {"lent", &totals.lent},
      {"relayed", &totals.relayed}};
  for (const auto& [plane, bytes] : planes) {
    families->Add({{"plane", plane}}, static_cast<double>(bytes->*direction));
  }
}

}  // namespace

std::vector<prometheus::MetricFamily> DaemonCollector::Collect() const {
  absl::MutexLock lock(&mu_);
  const absl::Time now = absl::Now();
  // Also when the clock was set back.
  if (seen_at_ > now || now >= seen_at_ + kAge) {
    seen_ = Look();
    seen_at_ = now;
  }
  return seen_;
}

std::vector<prometheus::MetricFamily> DaemonCollector::Look() const {
  Families families;
  families.BeginGauge("wspd_build_info", "1, of the version that runs.");
  families.Add({{"version", kVersion}}, 1);
  const DaemonTotals totals = sources_.registry->Totals();
  AddClients(totals, &families);
  AddSockets(&families);
  families.BeginCounter("wspd_sent_bytes_total",
                        "Payload that sockets have sent. Of those lent to "
                        "Linux programs those that have ended count, where the "
                        "kernel counts; of those lent to Winsock clients what "
                        "calls have moved, as forwarded.");
  AddBytes(totals, &DaemonTotals::Bytes::sent, &families);
  families.BeginCounter("wspd_received_bytes_total",
                        "Payload that sockets have received; as "
                        "wspd_sent_bytes_total.");
  AddBytes(totals, &DaemonTotals::Bytes::received, &families);
  AddCalls(totals, &families);
  AddCleanups(&families);
  families.BeginCounter("wspd_policy_refusals_total",
                        "Calls and connections that a rule or a default has "
                        "denied.");
  for (int i = 1; i < kActions; ++i) {
    const auto action = static_cast<Action>(i);
    families.Add({{"action", ActionName(action)}},
                 static_cast<double>(sources_.refusals->denied(action)));
  }
  AddEvents(&families);
  families.Gauge("wspd_config_last_reload_successful",
                 "Whether the configuration was last read without a mistake.",
                 sources_.reloads->ok() ? 1 : 0);
  families.Gauge("wspd_config_last_reload_success_timestamp_seconds",
                 "When it was last read without a mistake, Unix time.",
                 static_cast<double>(sources_.reloads->good_at_ns()) / 1e9);
  AddProcessMetrics(&families);
  return families.Take();
}

void DaemonCollector::AddClients(const DaemonTotals& totals,
                                 Families* families) const {
  families->Gauge("wspd_clients",
                  "Processes that are attached, or may still come back.",
                  totals.clients);
  families->Gauge("wspd_clients_limit", "Most clients that there may be.",
                  totals.max_clients);
  families->Gauge("wspd_draining", "Whether no new clients are taken.",
                  totals.draining ? 1 : 0);
  families->Counter("wspd_clients_attached_total",
                    "Clients that have attached.",
                    static_cast<double>(totals.clients_attached));
  families->Counter("wspd_clients_died_total",
                    "Clients that ended without their final WSPCleanup.",
                    static_cast<double>(totals.clients_died));
  families->Counter("wspd_linux_clients_died_total",
                    "Linux programs that a signal has ended, also one that was "
                    "meant to (SIGTERM, SIGINT).",
                    static_cast<double>(totals.linux_clients_died));
}

DaemonCollector::Census DaemonCollector::TakeCensus() const {
  Census census;
  for (const int plane : {wsp::v1::PLANE_UNSPECIFIED, wsp::v1::PLANE_LENT,
                          wsp::v1::PLANE_RELAYED}) {
    for (int state = wsp::v1::SOCKET_STATE_OPEN;
         state < wsp::v1::SocketState_ARRAYSIZE; ++state) {
      census[{PlaneLabel(static_cast<wsp::v1::Plane>(plane)),
              StateLabel(static_cast<wsp::v1::SocketState>(state))}] = 0;
    }
  }
  for (const wsp::v1::Socket& socket : sources_.registry->ListSockets({})) {
    ++census[{PlaneLabel(socket.plane()), StateLabel(socket.state())}];
  }
  return census;
}

void DaemonCollector::AddSockets(Families* families) const {
  families->BeginGauge("wspd_sockets",
                       "Sockets of clients, lingering ones too, and "
                       "connections that lent listeners have accepted.");
  for (const auto& [labels, count] : TakeCensus()) {
    families->Add({{"plane", labels.first}, {"state", labels.second}},
                  static_cast<double>(count));
  }
}

void DaemonCollector::AddCalls(const DaemonTotals& totals,
                               Families* families) const {
  families->Counter("wspd_calls_total",
                    "Calls that came, also again after a resume.",
                    static_cast<double>(totals.calls));
  families->Gauge("wspd_calls_outstanding",
                  "Calls whose results haven't been acknowledged.",
                  static_cast<double>(totals.calls_outstanding));
  families->Gauge("wspd_queued_send_bytes",
                  "Payload of sends that haven't ended.",
                  static_cast<double>(totals.queued_bytes));
  families->Gauge("wspd_kept_result_bytes",
                  "Results that haven't been acknowledged.",
                  static_cast<double>(totals.kept_bytes));
  families->Gauge("wspd_lookups_pending", "Names that are being looked up.",
                  static_cast<double>(totals.lookups));
  families->Gauge("wspd_tickets_unclaimed",
                  "Tickets of WSPDuplicateSocket that nobody has claimed.",
                  static_cast<double>(totals.tickets));
  families->Gauge("wspd_change_requests_pending",
                  "Requests to be told when addresses or routes change.",
                  static_cast<double>(totals.change_requests));
  families->BeginHistogram(
      "wspd_call_duration_seconds",
      "From a call's arrival to its result, by the call's name in "
      "wsp.v1.Call; one that waits for its peer is as long as that takes.");
  const SessionMetrics& sessions = *sources_.sessions;
  for (uint32_t i = 0; i < SessionMetrics::kFunctions; ++i) {
    if (sessions.NameOf(i).empty()) continue;
    families->Add({{"function", sessions.NameOf(i)}}, sessions.CallsOf(i));
  }
  families->BeginCounter("wspd_call_errors_total",
                         "Calls that ended with an error, by Winsock's code.");
  for (const SessionMetrics::CallErrors& error : sessions.Errors()) {
    families->Add(
        {{"function", sessions.NameOf(error.function)},
         {"wsa_error",
          error.wsa_error == 0 ? "other" : absl::StrCat(error.wsa_error)}},
        static_cast<double>(error.count));
  }
}

void DaemonCollector::AddCleanups(Families* families) const {
  families->BeginHistogram(
      "wspd_cleanup_duration_seconds",
      "Ending all that a client had, by why its registration ended.");
  for (int i = 0; i < RegistrationEnded::Reason_ARRAYSIZE; ++i) {
    if (!RegistrationEnded::Reason_IsValid(i)) continue;
    families->Add({{"cause", CauseLabel(i)}},
                  sources_.sessions->CleanupsOf(
                      static_cast<RegistrationEnded::Reason>(i)));
  }
}

void DaemonCollector::AddEvents(Families* families) const {
  using wsp::v1::JournalEvent;
  families->BeginCounter("wspd_events_total",
                         "What has happened to clients and sockets, as `wspctl "
                         "watch` shows it.");
  for (int i = 1; i < JournalEvent::Kind_ARRAYSIZE; ++i) {
    if (!JournalEvent::Kind_IsValid(i)) continue;
    families->Add({{"kind", LabelOf(JournalEvent::Kind_Name(i), "KIND_")}},
                  static_cast<double>(sources_.journal->count(
                      static_cast<JournalEvent::Kind>(i))));
  }
}

}  // namespace wspd
