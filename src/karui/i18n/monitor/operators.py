"""What the monitor says to operators of themselves: logging in, what they did, and several routes."""

EN: dict[str, str] = {
    "routes_title": "karui monitor: all routes",
    "routes_well": "All {of} routes are well",
    "routes_some": "{n} of {of} routes need a look",
    "routes_fault": "Its settings could not be read anew; it goes on as before: {reason}",
    "routes_file": "File of routes",
    "routes_all": "All routes",
    "event started": "Gateway started",
    "event stopped": "Gateway stopped",
    "event logged_in": "Logged in",
    "event login_refused": "Log-in refused",
    "event logged_out": "Logged out",
    "event command_refused": "Command refused",
    "event explained": "Conversation read",
    "event reloaded": "Settings read anew",
    "event reload_refused": "Settings not read anew",
    "actor somebody": "by somebody",
    "login_title": "Log in to karui",
    "login_lead": "This gateway shows its monitor and what it keeps to its operators only.",
    "login_none": (
        "This gateway has a key for clients and none for an operator, so its monitor is shown on its own "
        "machine only. Set KARUI_OPERATOR_KEY, or name operators in the file of keys, to see it from here."
    ),
    "login_key": "Operator's key",
    "login_do": "Log in",
    "login_wrong": "The key is wrong.",
    "login_client": "This key is for completions. The monitor opens with an operator’s key.",
}
JA: dict[str, str] = {
    "routes_title": "karui モニター：全ルート",
    "routes_well": "{of}件のルートはすべて正常です",
    "routes_some": "{of}件中{n}件のルートに確認が必要です",
    "routes_fault": "設定を再読み込みできなかったため、以前の設定のまま稼働しています：{reason}",
    "routes_file": "ルートの設定ファイル",
    "routes_all": "全ルート",
    "event started": "ゲートウェイを起動",
    "event stopped": "ゲートウェイを停止",
    "event logged_in": "ログイン",
    "event login_refused": "ログインを拒否",
    "event logged_out": "ログアウト",
    "event command_refused": "操作を拒否",
    "event explained": "会話を閲覧",
    "event reloaded": "設定を再読み込み",
    "event reload_refused": "設定の再読み込みに失敗",
    "actor somebody": "不明な操作者",
    "login_title": "運用者キーの入力",
    "login_lead": "このゲートウェイのモニターと保存された会話は、運用者だけが見られます。",
    "login_none": (
        "利用者用のキーだけが設定されているため、モニターはゲートウェイのあるマシンでしか見られません。"
        "ここから見るには、運用者用のキーを設定するか、キーのファイルに運用者を登録してください。"
    ),
    "login_key": "運用者キー",
    "login_do": "ログイン",
    "login_wrong": "キーが違います。",
    "login_client": "これは利用者用のキーです。モニターを開くには運用者キーが必要です。",
}
