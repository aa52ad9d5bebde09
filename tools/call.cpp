// The arguments of one call, by CLI11.  Its own exit codes end here: help is 0, everything else is usage, 2.
#include "tools/call.h"

#include <CLI/CLI.hpp>

#include <utility>

#include "tools/failure.h"
#include "tools/text.h"

namespace durra::tools {

struct Call::Parser {
  CLI::App app;
  std::vector<std::string> needed;  // positionals, in order
  std::vector<std::string> option_names{"--json", "--help"};

  template <class Take>
  CLI::Option* add(const std::string& name, const char* about, Take take) {
    if (name.starts_with('-')) option_names.push_back(name);
    return app.add_option_function<std::string>(name, std::move(take), about);
  }
};

namespace {

Complaint wrong(const std::string& option, const std::string& value, const std::string& expected) {
  return usage(option + " " + escape(value) + ": expected " + expected);
}

}  // namespace

Call::Call(const Verb& v, std::vector<std::string> arguments)
    : verb(v), parser_(std::make_unique<Parser>()), arguments_(std::move(arguments)) {
  for (const auto& argument : arguments_) {
    if (argument == "--") break;
    json = json || argument == "--json";
  }
  auto& app = parser_->app;
  app.name(std::string("durra ") + v.name);
  app.description(v.about);
  app.allow_extras();
  app.add_flag("--json", json, "answer in JSON");
  app.set_help_flag("-h,--help", "show this");
}

Call::~Call() = default;

Call& Call::needs_store() { return needs("STORE", store, "the file"); }

Call& Call::needs(const char* name, std::string& to, const char* about) {
  parser_->needed.push_back(name);
  parser_->add(name, about, [&to](const std::string& value) { to = value; })->type_name("")->required();
  return *this;
}

Call& Call::takes(const char* name, std::optional<std::string>& to, const char* about) {
  parser_->add(name, about, [&to](const std::string& value) { to = value; })->type_name("");
  return *this;
}

Call& Call::option(const char* name, std::string& to, const char* about) {
  parser_->add(name, about, [&to](const std::string& value) { to = value; })->type_name("TEXT");
  return *this;
}

Call& Call::option(const char* name, std::optional<std::string>& to, const char* about) {
  parser_->add(name, about, [&to](const std::string& value) { to = value; })->type_name("TEXT");
  return *this;
}

Call& Call::option(const char* name, std::uint64_t& to, const char* about) {
  parser_
      ->add(name, about,
            [&to, name](const std::string& value) {
              const auto n = parse_count(value);
              if (!n) throw wrong(name, value, "a number");
              to = *n;
            })
      ->type_name("N");
  return *this;
}

Call& Call::option(const char* name, double& to, const char* about) {
  parser_
      ->add(name, about,
            [&to, name](const std::string& value) {
              if (!CLI::detail::lexical_cast(value, to) || !(to >= 0)) throw wrong(name, value, "a number");
            })
      ->type_name("X");
  return *this;
}

Call& Call::size(const char* name, std::uint64_t& to, const char* about) {
  parser_
      ->add(name, about,
            [&to, name](const std::string& value) {
              const auto bytes = parse_size(value);
              if (!bytes) throw wrong(name, value, "a size like 64KiB, 1MiB, 64GiB");
              to = *bytes;
            })
      ->type_name("SIZE");
  return *this;
}

Call& Call::flag(const char* name, bool& to, const char* about) {
  parser_->option_names.push_back(name);
  parser_->app.add_flag(name, to, about);
  return *this;
}

Call& Call::one_of(const char* name, std::string& to, std::vector<std::string> words, const char* about) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : " | ") + word;
  parser_
      ->add(name, about,
            [&to, name, words = std::move(words), all](const std::string& value) {
              if (std::find(words.begin(), words.end(), value) == words.end()) throw wrong(name, value, all);
              to = value;
            })
      ->type_name(all);
  return *this;
}

Call& Call::hidden(const char* name, std::uint64_t& to) {
  option(name, to, "");
  parser_->app.get_option(name)->group("");
  parser_->option_names.pop_back();
  return *this;
}

Call& Call::footer(const char* text) {
  parser_->app.footer(text);
  return *this;
}

void Call::parse() {
  auto& app = parser_->app;
  const std::string see = std::string("; see: durra ") + verb.name + " --help";
  std::vector<std::string> reversed(arguments_.rbegin(), arguments_.rend());  // as CLI11 wants it
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    throw HelpWanted{app.help()};
  } catch (const CLI::RequiredError&) {
    for (const auto& name : parser_->needed)
      if (app.get_option(name)->count() == 0) throw usage(std::string(verb.name) + ": " + name + " is missing" + see);
  } catch (const CLI::ParseError& e) {
    throw usage(std::string(verb.name) + ": " + escape(e.what()) + see);
  }
  if (store.empty() && !parser_->needed.empty() && parser_->needed[0] == "STORE")
    throw usage(std::string(verb.name) + ": STORE is empty" + see);
  for (const auto& extra : app.remaining()) {
    if (extra == "--") continue;  // CLI11 counts the mark itself
    const auto close = nearest(extra, parser_->option_names);
    throw usage(std::string(verb.name) + ": did not expect \"" + escape(extra) + "\"" +
                (close.empty() ? see : "; did you mean \"" + std::string(close) + "\"?"));
  }
}

}  // namespace durra::tools
