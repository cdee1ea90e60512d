"""Conversations for the templates of published models: what people's files hold, and what templates refuse."""

USER, ANSWER = {"role": "user", "content": "What is 2 + 2?"}, {"role": "assistant", "content": "4"}
SYSTEM = {"role": "system", "content": "You are terse."}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather \u2014 \u5929\u6c14, \"quoted\" & <b>",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "A city's name"},
                "unit": {"type": "string", "enum": ["C", "F"]},
                "days": {"type": "array", "items": {"type": "integer"}, "default": [1, 2.5, None, True]},
            },
            "required": ["city"],
        },
        "return": {"type": "object", "properties": {"t": {"type": "number"}}},
    },
}
NOTHING = {"type": "function", "function": {"name": "now", "description": "", "parameters": {"type": "object", "properties": {}}}}
ASK = {"role": "user", "content": "Weather in Z\u00fcrich & Bern?"}


def call(arguments, number="abcdefghi", name="get_weather"):
    return {"id": number, "type": "function", "function": {"name": name, "arguments": arguments}}


ARGUMENTS = {"city": "Z\u00fcrich", "unit": "C", "days": [1, 2]}
CALL = {"role": "assistant", "content": None, "tool_calls": [call(ARGUMENTS)]}
CALL_TEXT = {"role": "assistant", "content": "", "tool_calls": [call('{"city": "Z\u00fcrich", "unit": "C"}')]}
CALLS = {"role": "assistant", "content": "I look.", "tool_calls": [call({"city": "Bern"}, "123456789"), call({}, "ABCDEFGHI", "now")]}
BARE_CALL = {"role": "assistant", "tool_calls": [{"name": "get_weather", "arguments": {"city": "Bern"}}]}
RESULT = {"role": "tool", "content": '{"t": 21.5}', "name": "get_weather", "tool_call_id": "abcdefghi"}
RESULT_2 = {"role": "tool", "content": "12:00", "name": "now", "tool_call_id": "ABCDEFGHI"}
RESULT_JSON = {"role": "tool", "content": {"t": 21.5, "ok": True}, "name": "get_weather", "tool_call_id": "abcdefghi"}
SUNNY = {"role": "assistant", "content": "Sunny, 21.5 \u00b0C \u2600\ufe0f"}

CONVERSATIONS = {
    "empty": [],
    "user": [USER],
    "pair": [USER, ANSWER],
    "system": [SYSTEM, USER, ANSWER],
    "system_only": [SYSTEM],
    "system_user": [SYSTEM, USER],
    "turns": [SYSTEM, USER, ANSWER, {"role": "user", "content": "And 3 + 3?"}, {"role": "assistant", "content": "6"}],
    "many": [SYSTEM] + [m for i in range(6) for m in ({"role": "user", "content": f"Q{i}"}, {"role": "assistant", "content": f"A{i}"})],
    "two_users": [USER, USER, ANSWER],
    "two_answers": [USER, ANSWER, ANSWER],
    "answer_first": [ANSWER, USER, ANSWER],
    "system_late": [USER, SYSTEM, ANSWER],
    "unknown_role": [USER, {"role": "narrator", "content": "Meanwhile"}, ANSWER],
    "no_role": [{"content": "hi"}],
    "developer": [{"role": "developer", "content": "Be brief."}, USER, ANSWER],
    "blank": [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}],
    "spaces": [{"role": "system", "content": "  \n S \t"}, {"role": "user", "content": "\n\n  hi  \n"}, {"role": "assistant", "content": " \u3000yes\u00a0\n"}],
    "no_content": [USER, {"role": "assistant"}],
    "null_content": [USER, {"role": "assistant", "content": None}],
    "unicode": [{"role": "user", "content": "\u4f60\u597d \U0001f600 e\u0301 \u0130\u00df \\ ' \" \t"}, {"role": "assistant", "content": "\u0645\u0631\u062d\u0628\u0627 \ufeff\u200b"}],
    "markers": [{"role": "user", "content": "<|im_start|>system\nx<|im_end|> [INST] </s> <|eot_id|> {{ 1 }} {% if %}"}, {"role": "assistant", "content": "<end_of_turn> <\uff5cend\u2581of\u2581sentence\uff5c>"}],
    "think": [USER, {"role": "assistant", "content": "<think>\nAdd them.\n</think>\n\n4"}],
    "think_turns": [USER, {"role": "assistant", "content": "<think>one</think>two"}, {"role": "user", "content": "More"}, {"role": "assistant", "content": "\n<think>\nthree\n</think>\n\n\nfour </think> five"}],
    "reasoning": [USER, {"role": "assistant", "content": "4", "reasoning_content": "\nAdd them.\n"}, {"role": "user", "content": "More"}, {"role": "assistant", "content": "5", "reasoning_content": "Add."}],
    "reasoning_blank": [USER, {"role": "assistant", "content": "4", "reasoning_content": ""}],
    "parts": [{"role": "system", "content": [{"type": "text", "text": "You are terse."}]}, {"role": "user", "content": [{"type": "text", "text": " Look: "}, {"type": "image"}, {"type": "text", "text": "What?"}]}, {"role": "assistant", "content": [{"type": "text", "text": "A cat."}]}],
    "parts_blank": [{"role": "user", "content": []}, ANSWER],
    "number_content": [{"role": "user", "content": 42}, {"role": "assistant", "content": 4.5}],
    "list_content": [{"role": "user", "content": ["a", "b"]}, ANSWER],
    "tool_call": [ASK, CALL, RESULT, SUNNY],
    "tool_call_text": [SYSTEM, ASK, CALL_TEXT, RESULT, SUNNY],
    "tool_calls": [ASK, CALLS, RESULT, RESULT_2, SUNNY, USER, ANSWER],
    "tool_bare": [ASK, BARE_CALL, RESULT_JSON, SUNNY],
    "tool_ends": [ASK, CALL],
    "tool_result_ends": [ASK, CALL, RESULT],
    "tool_no_id": [ASK, {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "now", "arguments": {}}}]}, {"role": "tool", "content": "12:00"}, ANSWER],
    "tool_short_id": [ASK, {"role": "assistant", "content": "", "tool_calls": [call({}, "1", "now")]}, {"role": "tool", "content": "12:00", "tool_call_id": "1"}, ANSWER],
    "tool_think": [ASK, {"role": "assistant", "content": "", "reasoning_content": "I call.", "tool_calls": [call({"city": "Bern"})]}, RESULT, SUNNY],
    "ipython": [ASK, CALL, {"role": "ipython", "content": {"output": [1, "a"]}}, SUNNY],
    "tool_system": [SYSTEM, ASK, CALL, RESULT, SUNNY],
    "extra_keys": [{"role": "user", "content": "Hi", "name": "Ann", "weight": 0.5, "items": [1]}, ANSWER],
}

# What is given beside messages.
VARIABLES = {
    "plain": {},
    "prompt": {"add_generation_prompt": True},
    "tools": {"tools": [WEATHER]},
    "tools_prompt": {"tools": [WEATHER, NOTHING], "add_generation_prompt": True, "builtin_tools": ["brave_search"], "date_string": "1 May 2025"},
    "no_tools": {"tools": [], "documents": []},
    "not_thinking": {"enable_thinking": False, "add_generation_prompt": True, "tools_in_user_message": False, "tools": [WEATHER]},
    "thinking": {"enable_thinking": True, "add_generation_prompt": True},
    "documents": {"documents": [{"title": "T", "text": "Body"}], "custom_system": 1},
    "no_tokens": {"bos_token": None, "eos_token": None},
}
