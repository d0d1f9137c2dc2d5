#include "daemon/reloader.h"

#include <atomic>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

wsp::v1::ReloadResponse Response(const char* field) {
  wsp::v1::ReloadResponse response;
  response.add_changes()->set_field(field);
  return response;
}

TEST(Reloader, AnswersWithWhatHasChanged) {
  Reloader reloader([] { return Response("policy"); });
  EXPECT_EQ(reloader.RequestAndWait()->changes(0).field(), "policy");
}

TEST(Reloader, WhoAsksMeanwhileWaitsForTheNextOne) {
  std::atomic<int> readings{0};
  absl::Notification begun;
  absl::Notification go_on;
  Reloader reloader([&] {
    if (++readings == 1) {
      begun.Notify();
      go_on.WaitForNotification();
    }
    return Response(readings == 1 ? "first" : "second");
  });
  std::vector<std::string> answers;
  absl::Notification all;
  const auto note = [&](const absl::StatusOr<wsp::v1::ReloadResponse>& result) {
    answers.push_back(result->changes(0).field());
    if (answers.size() == 3) all.Notify();
  };
  reloader.Request(note);
  begun.WaitForNotification();
  reloader.Request(note);
  reloader.Request(note);
  go_on.Notify();
  all.WaitForNotification();
  EXPECT_EQ(answers, (std::vector<std::string>{"first", "second", "second"}));
  EXPECT_EQ(readings, 2);
}

TEST(Reloader, ReadsNothingMoreOnceStopped) {
  absl::Notification begun;
  absl::Notification go_on;
  auto reloader = std::make_unique<Reloader>([&] {
    begun.Notify();
    go_on.WaitForNotification();
    return Response("first");
  });
  absl::Status first = absl::UnknownError("");
  absl::Status second = absl::UnknownError("");
  reloader->Request([&](const auto& result) { first = result.status(); });
  begun.WaitForNotification();
  reloader->Request([&](const auto& result) { second = result.status(); });
  std::thread stopper([&] { reloader->Stop(); });
  absl::Status refused = absl::UnknownError("");
  while (refused.code() == absl::StatusCode::kUnknown) {
    // Until the stop has begun, it is taken.
    auto outcome = std::make_shared<absl::Notification>();
    auto status = std::make_shared<absl::Status>();
    reloader->Request([outcome, status](const auto& result) {
      *status = result.status();
      outcome->Notify();
    });
    if (outcome->HasBeenNotified()) refused = *status;
  }
  go_on.Notify();
  stopper.join();
  EXPECT_TRUE(first.ok());
  EXPECT_TRUE(absl::IsUnavailable(second));
  EXPECT_TRUE(absl::IsUnavailable(refused));
}

}  // namespace
}  // namespace wspd
