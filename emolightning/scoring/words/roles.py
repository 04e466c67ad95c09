"""What word is in its clause: a letter, so that the frames of a verdict are patterns letters.

A word that is in no table is `w`: nobody knows what it does to an emotion near it.
"""

from collections.abc import Mapping

from emolightning.scoring.words.cues import Cue

NOTHING = ""
"""The role of words that change nothing: articles, degrees, turns of speech."""

UNKNOWN = "w"

OF_CUES: Mapping[Cue, str] = {
    Cue.LABEL: "L", Cue.ANY_EMOTION: "L", Cue.WORD: UNKNOWN, Cue.NUMBER: "n", Cue.NOT: "!", Cue.NOT_BEFORE: "!",
    Cue.THAN: "T", Cue.LESS: "!", Cue.REFUSE: "!", Cue.ABOUT: "z", Cue.RELEASE: "h", Cue.BUT: "b", Cue.CONCEDE: "Y",
    Cue.SEEMS: "i", Cue.BECOMES: "i", Cue.IS: "i", Cue.WITH: "W", Cue.PREVAILS: "V", Cue.DOMINANT: "D",
    Cue.AT_FIRST: UNKNOWN, Cue.FROM: "o", Cue.TO: "o", Cue.OBJECT: "o", Cue.PERSON: "p", Cue.ANOTHER: "a",
    Cue.MAKES: "M", Cue.THAT: "t", Cue.SHOWS: "h", Cue.KEY: "k", Cue.FINAL: "k", Cue.OPTIONS: UNKNOWN,
    Cue.RANKED: UNKNOWN, Cue.AND: "&", Cue.OR: "&", Cue.COMMA: ",", Cue.COLON: ":", Cue.MORE_THAN: ":",
    Cue.BECAUSE: "B", Cue.EXPLAINING: UNKNOWN, Cue.SO: ";", Cue.CONCLUDE: ";", Cue.ASKED: "q",
}  # fmt: skip

OF_SIGNS: Mapping[str, str] = dict.fromkeys("-\u2013\u2014\u2015()[]<|", ":")

ROLES: Mapping[str, str] = {
    NOTHING: "a an the his her its their my your our such own very quite fairly rather really truly too pretty "
    "extremely "
    "deeply highly strongly clearly obviously evidently visibly noticeably genuinely surely just mostly mainly "
    "primarily also still again already overall generally all completely totally utterly incredibly especially "
    "particularly increasingly somewhat more most best better well here probably presumably undoubtedly unmistakably "
    "distinctly intensely overwhelmingly predominantly emotionally himself herself themselves itself myself full "
    "filled great deep strong intense inclined pure mild profound palpable real subtle quiet general overt immense "
    "sheer heavy kind~of sort~of a~bit a~little to~me then now ok okay please thus hence therefore slightly slight "
    "maybe perhaps possibly potentially only simply merely solely each either these those both simultaneously "
    "equally finally throughout single short understandably remarkably fully far much even beautifully emotional "
    "currently begins~to starts~to continues~to happens~to initially today tomorrow in~one~word the~only~one~who "
    "the~one~who inside underneath deep~down if~anything "
    "at~this~point on~the~whole at~the~end in~the~end by~the~end in~fact together hidden suppressed restrained "
    "growing rising high bright bitter broad additionally 我们 furthermore moreover in~addition besides "
    "at~the~same~time later afterwards eventually 后来 後來 然后 同时 同時 此外 另外 また 또한 outright utter "
    "a~lot~of lots~of a~great~deal~of a~good~deal~of plenty~of "
    "quickly suddenly gradually slowly soon immediately softly openly nothing~but no~less~than 并 很 非常 十分 特别 "
    "有些 的 地 得 了 着 在 是 相当 极其 极度 都 也 更 比较 明显 内心 心中 感到 とても すごく です ます 하고 "
    "있습니다 매우 아주",
    "+": "yes indeed exactly definitely certainly absolutely sure",
    "r": "he she they him them 他 她 他们 她们 彼 彼女 그는 그녀는 그가 그녀가",
    "ri": "he's she's they're",
    "p": "male female man woman boy girl men women boys girls person individual speaker character subject "
    "protagonist actor actress child kid baby lady guy gentleman narrator teenager adult youth student teacher host "
    "hostess singer doctor nurse patient worker player clerk driver soldier officer lawyer anchor reporter presenter "
    "interviewee guest bride groom figure father mother customer couple lead employee newsreader waiter waitress "
    "cashier salesman chef politician minister president coach athlete passenger pilot guard owner scientist "
    "professor journalist moderator musician artist contestant candidate neighbor 人 人物 男子 女子 男人 女人 男孩 "
    "女孩 说话人 说话者 主角 角色 孩子 这位 男性 女性 先生 女士 人は 人物は 男性は 女性は",
    "e": "statement sentence phrase remark utterance comment face faces expression expressions voice tone eyes eye "
    "smile smiles laugh laughter tears gaze brow brows eyebrow eyebrows forehead frown mouth lips jaw posture body "
    "gesture gestures hands hand words speech manner demeanor demeanour behavior behaviour attitude silence cue cues "
    "sign signs signal signals indicator indicators indication indications evidence element mix mixture combination "
    "context movements movement pitch volume pauses sobs sighs screams cheeks nose chin head shoulders features clue "
    "clues grin way level state sense air note reaction response case everything facial vocal 表情 语气 眼神 声音 "
    "语调 脸上 面部 眼里 动作 声 表情は 声は 顔",
    "c": "scene moment clip video excerpt segment footage recording audio sample image picture photo frame sequence "
    "视频 片段",
    "k": "affect feeling score rating best~label best~guess emotion emotions label labels mood feelings answer "
    "category "
    "classification class state~of~mind guess choice pick verdict conclusion assessment judgement judgment decision "
    "option prediction impression annotation predictions candidates term vibe sentiment match 情绪 情感 心情",
    "x": "it this there",
    "xi": "it's that's there's this's here's",
    "X": "what",
    "I": "one~can one~could 我 i we you i'd i'll we'd i've you'll i~also",
    "IiC": "i'm~pretty~sure i'm~quite~sure i'm~fairly~sure i~am~pretty~sure i~am~quite~sure",
    "Iv": "i'd~pick i'd~choose i~would~say i'd~say i~would~choose i~choose i~would~pick i'd~go~with i~would~go~with "
    "i~conclude",
    "u": "would will can have~to has~to must do",
    "Ii": "i'm we're you're",
    "i": "maintains maintain keep am comes~through stands~out feel feels felt remain remains remained stay stays "
    "stayed keeps become becomes has have comes~across~as come~across~as goes gone moves moved shifts shifted "
    "changes changed went passes transitions proves couldn't~be could~not~be can~be seems~like looks~like "
    "sounds~like feels~like must~be has~been have~been gets gives~off carries carry carrying holds gives experiences "
    "experience experienced shares",
    "E": "be",
    "g": "being been becoming looking sounding appearing experiencing",
    "h": "indicate indicates indicated indicating indicative~of suggest suggests suggesting suggestive~of imply "
    "implies implying point~to points~to pointing~to point~towards points~towards pointing~towards point~toward "
    "points~toward mean means meaning signal~that signals~that reflect reflects reflecting reveal reveals revealing "
    "show shows showing shown showed display displays displaying displayed express expresses expressing expressed "
    "convey conveys conveying conveyed exhibit exhibits exhibiting betray betrays betraying demonstrate demonstrates "
    "demonstrating communicate communicates communicating portray portrays portraying depict depicts depicting "
    "capture captures capturing speak~for speaks~for speaking~for signify signifies signifying characteristic~of "
    "typical~of consistent~with evoke evokes evoked evoking emanate emanates radiate radiates radiating exude exudes "
    "confirm confirms confirming underline underlines support supports marks associated~with correspond~to "
    "corresponds~to add~up~to adds~up~to amount~to amounts~to hint~at hints~at tears~of sign~of signs~of "
    "indication~of indications~of indicator~of expression~of makes~it~clear make~it~clear tell~us tells~us tell~me "
    "tells~me 显示 表明 说明 透露 流露 表现 显得 看起来 看上去 充满 听起来 体现 反映 传达",
    "J": "described~as classified~as labelled~as labeled~as labelled labeled identified~as interpreted~as "
    "perceived~as seen~as categorized~as categorised~as recognized~as recognised~as summed~up~as summarized~as "
    "summarised~as characterized~as characterised~as characterized~by characterised~by read~as annotated~as "
    "marked~by dominated~by driven~by should~be~labelled should~be~labeled should~be~classified~as best~described~as "
    "tagged~as considered regarded~as overcome~by overcome~with "
    "overwhelmed~by understood~as",
    "v": "say choose think believe classify call annotate tag rate vote~for opt~for go~for go~with going~with select "
    "see hear lean~towards lean~toward lean~to leaning~towards leaning~toward leaning~to tend~towards tend~toward "
    "tend~to suspect assume infer conclude find estimate describe assign settle~on stick~with detect notice observe "
    "recognise recognize identify interpret perceive predict propose judge categorize categorise answer~with put 选 "
    "选择 觉得 认为",
    "j": "can~see can~hear can~tell can~infer can~conclude can~say can~be~inferred can~be~seen can~be~heard "
    "can~be~concluded can~be~said can~be~felt can~be~observed can~be~found is~inferred inferred concluded speculated "
    "deduced assumed determined noticed safe~to~say fair~to~say",
    "C": "clear obvious evident visible audible noticeable apparent present likely plausible fitting appropriate "
    "suitable unmistakable no~doubt without~doubt without~a~doubt beyond~doubt hard~not~to difficult~not~to "
    "no~denying confident right correct accurate",
    "D": "dominant predominant primary main strongest prevailing overriding principal central underlying core first "
    "predicted fundamental leading",
    "V": "best~fits best~describes fits suits fit",
    "s": "shouts shouting turns describes speak speaks spoke speaking talk talks talked talking react reacts reacted "
    "reacting respond responds responded responding cry cries crying scream screaming yell yelling shout laughs "
    "laughing smiling gasps gasp trembles trembling shake shakes shaking sigh frowns frowning stare stares staring "
    "widen widens jumps raises raised burst bursts look~at looks~at answers walks sits stands sings beams",
    "W": "with in",
    "o": "of to by for as into about at~how by~how from one~of how",
    "O": "behind based~on given judging~by judging~from considering looking~at in~view~of in~light~of because~of "
    "due~to taking~into~account taken~together",
    "A": "according~to",
    "q": "does did why 为什么 為什麼",
    "Q": "要看您 要看你 "
    "question~is~about question~was~about i~can't~give i~cannot~give i~can't~provide i~cannot~provide "
    "i~can't~assign i~cannot~assign i~won't~assign i~can't~commit i~cannot~commit i~am~unable~to~give "
    "i'm~unable~to~give",
    "N": "when",
    "R": "which who",
    "pR": "someone~who somebody~who",
    "ui": "would~be he'd~be she'd~be they'd~be will~be",
    "u!": "would~have~been",
    "m": "might may could",
    "?": "until till start beginning outset always sometimes how~to were~it whenever provided assuming as~long~as "
    "in~case "
    "ですか ますか 만약 suppose imagine should should~be ought shall or~not once unless whether if as~if as~though "
    "supposedly allegedly ostensibly reportedly typically usually normally often as~a~rule oh~sure yeah~right yeah "
    "通常 往往 一般会 可能会 也许会 或许会 他会 她会 将会 "
    "谁 誰 呢 吗 嗎 听说 据说 应该 本应 假如 如果 要是 是不是 should~he should~she should~they had~he had~she "
    "were~he were~she",
    '"': "말한다 말합니다 问 問 asks asked asking wonders wondered wondering tells told explains explained described "
    "mentions mentioned recounts narrates sang singing claims claimed said saying reads yells exclaims states stated "
    "stating replies mutters quotes quoting subtitle subtitles transcript dialogue line 说 說 喊 台词 臺詞 thinks "
    "believes believed title titled caption captions script description lyrics poster says insists 字幕 写着 写道 "
    "标题",
    "a": "every off~screen offscreen everyone everybody anyone anybody someone somebody people nobody whoever "
    "interviewer audience crowd children dog cat me us reader viewer viewers friend friends",
    "z": "film movie song story music book room weather 电影 音乐 歌曲 故事 歌",
    "f": "almost nearly",
    "F": "则表现为 表现为 常表现为 "
    "false untrue incorrect inaccurate unfounded misleading misplaced premature exaggerated fake faked feigned "
    "staged an~act a~lie fades faded subsides subsided disappears disappeared vanishes vanished ebbs ebbed dissipates "
    "wears~off wore~off worn~off is~gone are~gone ebbs~away",
    UNKNOWN: "uncertain unsure depends depend 怒るかも 喜ぶかも 驚くかも 恐れるかも 悲しむかも",
    "!": "least lower wrong unlikely",
}  # fmt: skip
"""Role -> words, each with `~` for a space."""
