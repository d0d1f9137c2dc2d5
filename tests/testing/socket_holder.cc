#include "tests/testing/socket_holder.h"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>
#include <vector>

#include "tests/testing/role.h"

namespace wspd::testing {
namespace {

std::string ToHex(const void* data, size_t size) {
  std::string hex;
  for (size_t i = 0; i < size; ++i) {
    char digits[3];
    snprintf(digits, sizeof digits, "%02x",
             static_cast<const unsigned char*>(data)[i]);
    hex += digits;
  }
  return hex;
}

void FromHex(const std::string& hex, void* data, size_t size) {
  for (size_t i = 0; i < size && 2 * i < hex.size(); ++i) {
    static_cast<unsigned char*>(data)[i] = static_cast<unsigned char>(
        std::stoi(hex.substr(2 * i, 2), nullptr, 16));
  }
}

// The holder's side.
class Holder {
 public:
  Holder() : spi_(Spi::Load()) {
    WSPD_ROLE_CHECK(spi_ != nullptr, "load");
    const WsaCode code = spi_->Startup();
    WSPD_ROLE_CHECK(code.ok(), ToString(code));
    receive_.overlapped.hEvent = event_.get();
  }

  std::string Do(const std::string& call) {
    std::istringstream in(call);
    in >> verb_;
    text_.clear();
    const WsaCode code = Run(&in);
    return std::to_string(code.code) + " " + text_;
  }

 private:
  template <typename T>
  static T Next(std::istringstream* in) {
    T value{};
    *in >> value;
    return value;
  }

  WsaCode Run(std::istringstream* in) {
    if (verb_ == "claim") return Claim(Next<std::string>(in));
    if (verb_ == "close") return spi_->Close(socket_);
    if (verb_ == "cleanup") return spi_->Cleanup();
    if (verb_ == "nonblocking") {
      return spi_->SetNonBlocking(socket_, Next<int>(in) != 0);
    }
    if (verb_ == "shutdown") return spi_->Shutdown(socket_, Next<int>(in));
    if (verb_ == "accept") return Accept();
    if (verb_ == "setoption" || verb_ == "getoption") return Option(in);
    return Transfer(in);
  }

  WsaCode Transfer(std::istringstream* in) {
    if (verb_ == "send") return spi_->Send(socket_, Next<std::string>(in));
    if (verb_ == "sendmany") {
      const char byte = Next<char>(in);
      return SendMany(byte, Next<int>(in));
    }
    const auto size = Next<size_t>(in);
    if (verb_ == "recv") return spi_->Recv(socket_, size, &text_);
    if (verb_ == "receive") return spi_->RecvExactly(socket_, size, &text_);
    if (verb_ == "startrecv") {
      return spi_->StartRecv(socket_, &receive_, size);
    }
    WSPD_ROLE_CHECK(verb_ == "awaitrecv", verb_);
    WSPD_ROLE_CHECK(event_.Wait(), "never completed");
    text_ = receive_.buffer.substr(0, receive_.overlapped.InternalHigh);
    return {static_cast<int>(receive_.error())};
  }

  WsaCode Claim(const std::string& hex) {
    WSAPROTOCOL_INFOW info;
    FromHex(hex, &info, sizeof info);
    return spi_->SocketFrom(&info, &socket_);
  }

  WsaCode Accept() {
    SOCKET accepted;
    const WsaCode code = spi_->Accept(socket_, &accepted);
    if (code.ok()) socket_ = accepted;
    return code;
  }

  WsaCode SendMany(char byte, int count) {
    for (int i = 0; i < count; ++i) {
      char record[16];
      snprintf(record, sizeof record, "%c%07d", byte, i);
      const WsaCode code = spi_->Send(socket_, std::string(record, 8));
      if (!code.ok()) return code;
    }
    return kOk;
  }

  WsaCode Option(std::istringstream* in) {
    const int level = Next<int>(in);
    const int option = Next<int>(in);
    int value = Next<int>(in);
    if (verb_ == "setoption") {
      return spi_->SetOption(socket_, level, option, value);
    }
    const WsaCode code = spi_->GetOption(socket_, level, option, &value);
    text_ = std::to_string(value);
    return code;
  }

  const std::unique_ptr<Spi> spi_;
  std::string verb_;
  std::string text_;
  SOCKET socket_ = INVALID_SOCKET;
  Event event_;
  Operation receive_;
};

int RunHolder(Role& role) {
  Holder holder;
  for (;;) {
    const std::string call = role.parent.Receive();
    if (call.empty()) return 0;
    role.parent.Send(holder.Do(call));
  }
}
const RoleRegistration kSocketHolder("SocketHolder", RunHolder);

}  // namespace

WsaCode SocketHolder::Claim(const WSAPROTOCOL_INFOW& info) {
  return Do("claim " + ToHex(&info, sizeof info)).code;
}

SocketHolder::Answer SocketHolder::Do(const std::string& call) {
  Begin(call);
  return Finish();
}

SocketHolder::Answer SocketHolder::Finish() {
  const std::string line = process_.channel().Receive();
  const size_t space = line.find(' ');
  // The holder is gone, or says nothing.
  if (space == std::string::npos) return {kNoErrorGiven, ""};
  return {{std::stoi(line.substr(0, space))}, line.substr(space + 1)};
}

}  // namespace wspd::testing
