"""The vocabulary of invented songs: genres, moods, titles and lyric lines.

Lines have two gaps, ``{a}`` and ``{b}``, for the things of the song's theme. The
things carry their article and the lines need no inflection, so every pairing reads.
"""

import re
from typing import NamedTuple


class Genre(NamedTuple):
    """A genre, its share of the songs, and three scenes within it."""

    name: str
    share: float
    # other words that mean this genre
    synonyms: tuple[str, ...]
    # a scene is a taste inside the genre; its words appear in the tags
    scenes: tuple[tuple[str, ...], ...]


GENRES: tuple[Genre, ...] = (
    Genre(
        "pop",
        10,
        ("hyperpop", "teen pop"),
        (
            ("dance pop", "glossy synths", "claps", "radio chorus"),
            ("bedroom pop", "soft vocals", "tape hiss", "close harmony"),
            ("art pop", "odd meter", "string stabs", "theatrical"),
        ),
    ),
    Genre(
        "rock",
        9,
        ("grunge", "shoegaze"),
        (
            ("indie rock", "jangly guitar", "garage drums", "slacker"),
            ("hard rock", "power chords", "guitar solo", "stadium"),
            ("post rock", "tremolo guitar", "slow build", "wall of sound"),
        ),
    ),
    Genre(
        "hip hop",
        8,
        ("rap", "hip-hop"),
        (
            ("boom bap", "vinyl scratch", "dusty samples", "storytelling"),
            ("trap", "808 bass", "hi-hat rolls", "autotune"),
            ("jazz rap", "double bass", "spoken word", "live drums"),
        ),
    ),
    Genre(
        "house",
        6,
        ("edm", "dance"),
        (
            ("deep house", "warm pads", "rolling bass", "sunset"),
            ("french house", "filter sweep", "disco loop", "vocoder"),
            ("piano house", "gospel vocal", "hands in the air", "old school"),
        ),
    ),
    Genre(
        "techno",
        5,
        ("electronic", "trance"),
        (
            ("dub techno", "echo chords", "foggy", "minimal"),
            ("acid techno", "303 bassline", "strobe", "warehouse"),
            ("melodic techno", "arpeggio", "long breakdown", "hypnotic"),
        ),
    ),
    Genre(
        "drum and bass",
        3,
        ("dnb", "jungle", "breakbeat"),
        (
            ("liquid", "airy pads", "soulful vocal", "rolling drums"),
            ("neurofunk", "growl bass", "mechanical", "sharp snare"),
            ("ragga jungle", "amen break", "toasting", "siren"),
        ),
    ),
    Genre(
        "synthwave",
        4,
        ("retrowave", "synthpop"),
        (
            ("outrun", "gated drums", "night drive", "lead synth"),
            ("darksynth", "distorted bass", "horror", "menacing"),
            ("dreamwave", "chorus guitar", "pastel", "slow synths"),
        ),
    ),
    Genre(
        "ambient",
        4,
        ("drone", "new age"),
        (
            ("field recording", "birdsong", "water sounds", "gentle"),
            ("dark ambient", "low drone", "cavernous", "uneasy"),
            ("space ambient", "shimmer reverb", "slow swells", "weightless"),
        ),
    ),
    Genre(
        "lo-fi",
        5,
        ("lofi", "chillhop"),
        (
            ("study beats", "muted keys", "rain sounds", "mellow"),
            ("lo-fi guitar", "nylon strings", "sunday morning", "lazy"),
            ("night lo-fi", "detuned rhodes", "vinyl crackle", "sleepy"),
        ),
    ),
    Genre(
        "jazz",
        4,
        ("swing", "bossa nova"),
        (
            ("bebop", "walking bass", "ride cymbal", "fast solo"),
            ("vocal jazz", "brushed drums", "smoky", "torch song"),
            ("jazz fusion", "slap bass", "rhodes solo", "odd time"),
        ),
    ),
    Genre(
        "classical",
        3,
        ("baroque", "chamber music"),
        (
            ("solo piano", "nocturne", "rubato", "intimate"),
            ("string quartet", "counterpoint", "pizzicato", "formal"),
            ("choral", "latin text", "cathedral reverb", "solemn"),
        ),
    ),
    Genre(
        "folk",
        6,
        ("americana", "singer-songwriter"),
        (
            ("fingerpicking", "acoustic guitar", "campfire", "plain voice"),
            ("celtic", "fiddle", "tin whistle", "jig"),
            ("indie folk", "banjo", "stomp and clap", "group vocals"),
        ),
    ),
    Genre(
        "country",
        4,
        ("bluegrass", "honky tonk"),
        (
            ("outlaw country", "telecaster twang", "baritone", "whiskey"),
            ("country ballad", "pedal steel", "slow waltz", "tender"),
            ("country pop", "handclaps", "tailgate", "bright chorus"),
        ),
    ),
    Genre(
        "metal",
        5,
        ("metalcore", "deathcore"),
        (
            ("power metal", "twin guitars", "soaring tenor", "fantasy"),
            ("doom metal", "down-tuned riff", "crawling tempo", "growl"),
            ("symphonic metal", "choir", "double kick", "operatic"),
        ),
    ),
    Genre(
        "punk",
        3,
        ("pop punk", "hardcore"),
        (
            ("skate punk", "fast drums", "palm mute", "shouted hook"),
            ("emo", "twinkly guitar", "cracked voice", "confessional"),
            ("post-punk", "chorus bass", "deadpan", "cold"),
        ),
    ),
    Genre(
        "r&b",
        5,
        ("rnb", "neo soul"),
        (
            ("slow jam", "falsetto", "silky", "finger snaps"),
            ("alternative r&b", "murky synths", "pitched vocals", "late night"),
            ("nineties r&b", "new jack swing", "vocal runs", "key change"),
        ),
    ),
    Genre(
        "soul",
        3,
        ("funk", "motown"),
        (
            ("northern soul", "tambourine", "brass section", "stomping"),
            ("psychedelic soul", "wah guitar", "fuzz bass", "swirling"),
            ("gospel soul", "hammond organ", "call and response", "uplifting"),
        ),
    ),
    Genre(
        "reggae",
        3,
        ("dancehall", "ska"),
        (
            ("roots reggae", "one drop", "offbeat organ", "conscious"),
            ("dub", "tape delay", "melodica", "spacious"),
            ("lovers rock", "sweet harmonies", "soft skank", "romantic"),
        ),
    ),
    Genre(
        "latin",
        5,
        ("reggaeton", "salsa", "cumbia"),
        (
            ("perreo", "dembow", "club bass", "reggaeton flow"),
            ("bolero", "requinto", "maracas", "serenade"),
            ("tropical", "congas", "brass riff", "montuno piano"),
        ),
    ),
    Genre(
        "k-pop",
        4,
        ("kpop", "korean pop"),
        (
            ("girl crush", "rap break", "chant hook", "siren synth"),
            ("k-ballad", "piano and strings", "long notes", "tearful"),
            ("city pop korea", "funky guitar", "neon", "breezy"),
        ),
    ),
    Genre(
        "j-pop",
        4,
        ("jpop", "anime", "vocaloid"),
        (
            ("anime opening", "fast guitar", "key lift", "heroic"),
            ("kawaii future", "chiptune", "high voice", "sparkling"),
            ("japanese city pop", "slap bass line", "electric piano", "seaside"),
        ),
    ),
    Genre(
        "blues",
        2,
        ("delta blues",),
        (
            ("slide guitar", "porch", "foot stomp", "raw voice"),
            ("chicago blues", "harmonica", "shuffle", "barroom"),
            ("slow blues", "crying guitar", "minor key", "weary"),
        ),
    ),
    Genre(
        "cinematic",
        3,
        ("soundtrack", "orchestral", "epic"),
        (
            ("trailer", "taiko drums", "brass hits", "rising tension"),
            ("film noir", "muted trumpet", "rainy street", "mystery"),
            ("fantasy score", "harp", "wordless choir", "wonder"),
        ),
    ),
    Genre(
        "afrobeat",
        2,
        ("afrobeats", "amapiano"),
        (
            ("log drum", "shaker", "late groove", "deep chant"),
            ("highlife", "palm-wine guitar", "horn lines", "joyful"),
            ("afro fusion", "talking drum", "melodic flow", "sunlit"),
        ),
    ),
)

SCENES = 3

# Genres that are often left without a voice.
WORDLESS = frozenset({"ambient", "lo-fi", "classical", "cinematic", "techno"})

MOODS = (
    "melancholic",
    "euphoric",
    "dreamy",
    "angry",
    "hopeful",
    "nostalgic",
    "playful",
    "bittersweet",
    "peaceful",
    "restless",
    "sensual",
    "defiant",
    "lonely",
    "warm",
    "haunting",
    "triumphant",
)

INSTRUMENTS = (
    "piano",
    "cello",
    "bass guitar",
    "drum machine",
    "violin",
    "saxophone",
    "accordion",
    "ukulele",
    "mandolin",
    "flute",
    "trumpet",
    "marimba",
    "kalimba",
    "theremin",
    "strings",
    "bells",
)

VOICES = (
    "female vocals",
    "male vocals",
    "duet",
    "raspy voice",
    "breathy vocals",
    "deep male voice",
    "child-like voice",
    "androgynous vocals",
)

THEMES = ("city", "sea", "road", "sky", "house", "winter", "machine", "garden")

EMOJI = ("🌃", "🌊", "🛣️", "🌙", "🕯️", "❄️", "🤖", "🌿")


class Language(NamedTuple):
    """What songs in one language are made of."""

    # share of the creators who write in it
    share: float
    # per theme 8 or 12 things with their article, separated by commas
    themes: tuple[str, ...]
    # 12 or 32 of them
    lines: tuple[str, ...]
    # what may follow a line
    tails: tuple[str, ...]
    titles: tuple[str, ...]
    # between a line and its tail
    comma: str = ", "

    def things(self, theme: int) -> list[str]:
        """Return the things of a theme."""
        return self.themes[theme].split(", ")


LANGUAGES: dict[str, Language] = {
    "english": Language(
        56,
        (
            "the last train, the corner store, the rooftop, the taxi light, "
            "the crosswalk, the fire escape, the subway, the billboard, "
            "the skyline, the night bus, the elevator, the alley cat",
            "the harbor, the lighthouse, the undertow, the salt wind, the ferry, "
            "the coral, the anchor, the seagull, the driftwood, the tide, "
            "the sailor, the shipwreck",
            "the highway, the rearview mirror, the gas station, the milestone, "
            "the dust, the detour, the motel, the steering wheel, the canyon, "
            "the passenger seat, the road map, the tollbooth",
            "the satellite, the half moon, the comet, the northern light, the orbit, "
            "the first star, the telescope, the eclipse, the rocket, the thunder, "
            "the sunrise, the paper plane",
            "the kitchen table, the spare key, the hallway, the old piano, "
            "the porch swing, the attic, the doorbell, the wallpaper, the staircase, "
            "the bathtub, the teapot, the photograph",
            "the first snow, the frozen lake, the long december, the wool coat, "
            "the chimney smoke, the sleigh, the icicle, the blizzard, the pine tree, "
            "the candle, the mitten, the avalanche",
            "the circuit, the broken robot, the server room, the password, "
            "the signal, the blue screen, the algorithm, the battery, the antenna, "
            "the hologram, the keyboard, the android",
            "the lemon tree, the wild rose, the greenhouse, the honeybee, the moss, "
            "the open gate, the sunflower, the watering can, the ivy, the butterfly, "
            "the orchard, the scarecrow",
        ),
        (
            "I left my name beside {a} and nobody wrote back",
            "{a} remembers what I tried to forget",
            "You were {a}, I was only {b}",
            "Somewhere between {a} and {b} we lost the plot",
            "Tell {a} that I am coming home late",
            "I borrowed courage from {a} and paid it back in song",
            "Every time {a} goes quiet I can hear you breathe",
            "We danced until {a} forgot what time it was",
            "There is room for two behind {a}",
            "Hold on to {a}, hold on to me",
            "My heart keeps the hours of {a}",
            "Nobody told {b} that the party was over",
            "So I count to ten and look for {a}",
            "Maybe {a} was never ours to keep",
            "I would trade {b} for one more slow song",
            "Leave {a} open, leave the radio on",
            "Oh, {a} knows my name",
            "Louder than {a}, softer than {b}",
            "If {a} is burning, I will bring the tea",
            "We are made of {a} and bad decisions",
            "Say it again like {a} is listening",
            "And {a} turns, and {a} turns, and I stay",
            "I kept a picture of {b} in my shoe",
            "Don't wake {a}, it has only just learned to dream",
            "They painted {a} in the color of your laughter",
            "Give me {a}, give me {b}, give me trouble",
            "Mother warned me about {a}",
            "Half of my money went to {a}",
            "Strangers wave at {a} as if it could wave back",
            "Who taught {b} to sing in my key",
            "Crooked and proud, like {a}",
            "Nothing but {a} and a pocket of rain",
        ),
        (
            "before the coffee gets cold",
            "with borrowed matches in my hand",
            "while the jukebox swallows coins",
            "on the wrong side of midnight",
            "under a cheap umbrella",
            "for seven Sundays in a row",
            "wearing my grandfather's watch",
            "till our voices break",
            "without a map or a reason",
            "like a rumor in a small town",
            "barefoot and unafraid",
            "as the sirens fade",
            "in a language of our own",
            "against every good advice",
            "when the fever lifts",
            "behind velvet curtains",
            "louder every year",
            "with sugar on my tongue",
            "and the neighbors don't mind",
            "through static and smoke",
            "beneath the broken clock",
            "just to feel the floor shake",
            "like thieves at a wedding",
            "in the hush after applause",
            "one heartbeat too late",
            "and I call it freedom",
            "where the bridges hum",
            "across a thousand miles of wire",
            "in somebody else's jacket",
            "for the ones we buried",
            "with a grin and a bruise",
            "among the unpaid bills",
            "as gentle as gravity",
            "on a diet of hope",
            "while champions sleep",
            "and the drummer never blinks",
        ),
        (
            "{A}",
            "Letters to {A}",
            "{A} & {B}",
            "Before {A}",
            "Borrowed {A}",
            "{A} at Half Past Four",
            "How to Leave {A}",
            "Electric {A}",
            "My Brother Was {A}",
            "No {A} Tonight",
            "Paper {A}",
            "Velvet {A}",
            "{A} Without {B}",
            "Ask {A}",
            "Slow {A}",
            "{A} Season",
            "Nobody's {A}",
            "(Almost) {A}",
        ),
    ),
    "spanish": Language(
        10,
        (
            "la esquina, el último tren, la azotea, el semáforo, la avenida, "
            "el kiosco, la farola, el balcón",
            "el puerto, la marea, el faro, la sal, la orilla, el ancla, la gaviota, "
            "el naufragio",
            "la carretera, el retrovisor, el polvo, la frontera, la gasolinera, "
            "el desierto, la curva, el equipaje",
            "la media luna, el cometa, la órbita, el lucero, el eclipse, la tormenta, "
            "el relámpago, la madrugada",
            "la cocina, el pasillo, la llave, el viejo piano, la ventana, el espejo, "
            "la escalera, el retrato",
            "la nieve, el lago helado, el abrigo, la chimenea, la escarcha, el trineo, "
            "la bufanda, el invierno",
            "el robot, la señal, el cable, la pantalla azul, la batería, el código, "
            "la antena, el teclado",
            "el limonero, la rosa salvaje, el musgo, la abeja, el girasol, la hiedra, "
            "el huerto, la mariposa",
        ),
        (
            "Cuando vuelve {a}, me quedo sin palabras",
            "{a} sabe más de mí que yo",
            "Busco {a} y encuentro {b}",
            "Que cante {a}, que baile {b}",
            "No me despiertes si duerme {a}",
            "Entre {a} y tu risa cabe el mundo",
            "Ya no me asusta {a} ni me espera {b}",
            "Y otra vez {a}, y otra vez tú",
            "Guardo {a} en un bolsillo roto",
            "Dime si {a} también te llama",
            "Mi abuela decía que {a} trae suerte",
            "Nadie me quita {a}",
        ),
        (
            "con el alma descalza",
            "sin pedir permiso",
            "mientras arde la guitarra",
            "como un secreto a voces",
            "hasta que salga el sol",
            "por culpa de tus ojos",
            "aunque llueva fuego",
            "a ritmo de tambor",
            "en silencio y sin prisa",
            "bajo un cielo prestado",
            "con sabor a canela",
            "para no olvidarte",
        ),
        ("{a} y {b}", "{a}", "Donde duerme {a}", "Antes que {a}", "Solo {a}"),
    ),
    "german": Language(
        7,
        (
            "die Straßenbahn, das Hochhaus, die Ampel, der Spätkauf, der Bahnhof, "
            "die Laterne, das Dachfenster, der Nachtbus",
            "der Hafen, die Ebbe, der Leuchtturm, das Salz, die Möwe, der Anker, "
            "das Treibholz, die Fähre",
            "die Landstraße, der Umweg, das Fernlicht, der Staub, die Tankstelle, "
            "der Rückspiegel, das Gepäck, die Kreuzung",
            "der Halbmond, das Polarlicht, der Komet, die Umlaufbahn, das Gewitter, "
            "die Rakete, der Morgenstern, das Teleskop",
            "der Küchentisch, die Treppe, das Klavier, der Schlüssel, die Tapete, "
            "der Dachboden, das Fenster, die Teekanne",
            "der erste Schnee, das Eis, der Wintermantel, die Stille, der Schlitten, "
            "die Kerze, das Feuer, der Frost",
            "der Roboter, das Signal, die Maschine, das Kennwort, der Bildschirm, "
            "die Batterie, der Algorithmus, die Antenne",
            "der Zitronenbaum, das Moos, die wilde Rose, der Zaun, der Efeu, "
            "die Hummel, das Gewächshaus, die Sonnenblume",
        ),
        (
            "Und {a} bleibt, wenn alle andern gehn",
            "Hier wohnt {a} und gegenüber {b}",
            "Vielleicht weiß {a}, wie das Lied zu Ende geht",
            "Nur {a} war Zeuge, als du lachtest",
            "Noch einmal ruft {a} nach mir",
            "Wo war {a}, als ich dich brauchte",
            "Schlaf, solange {a} noch leuchtet",
            "Erst kam {a}, dann kam {b}, dann nichts",
            "So leise wie heut Nacht war {a} noch nie",
            "Mir gehört {a}, dir gehört {b}",
            "Alles vergeht, nur {a} vergisst mich nicht",
            "Irgendwann tanzt auch {a}",
        ),
        (
            "und keiner fragt warum",
            "mit Sand in den Schuhen",
            "bis der Morgen uns verrät",
            "als wär es nie gewesen",
            "trotz aller guten Gründe",
            "im Takt der alten Uhr",
            "ganz ohne Applaus",
            "wie ein halbes Versprechen",
            "mitten im September",
            "gegen den Wind",
            "und ich glaub daran",
            "zwischen Tür und Träumen",
        ),
        ("{a}", "{a} und {b}", "Wo {a} wohnt", "Nur {a}", "Noch einmal {a}"),
    ),
    "french": Language(
        6,
        (
            "le dernier métro, la terrasse, le trottoir, la vitrine, le boulevard, "
            "la mansarde, le réverbère, la gare",
            "la marée, le phare, la digue, le sel, la mouette, le naufrage, la vague, "
            "le marin",
            "la route, le virage, la poussière, le détour, la frontière, le désert, "
            "la valise, le carrefour",
            "la demi-lune, la comète, le satellite, la grande ourse, le tonnerre, "
            "la fusée, le crépuscule, la galaxie",
            "la cuisine, le couloir, la vieille clé, le piano, la fenêtre, le miroir, "
            "la théière, le grenier",
            "la neige, le lac gelé, le manteau, la cheminée, le givre, la bougie, "
            "le traîneau, la tempête",
            "le robot, le signal, la machine, le mot de passe, la pile, le clavier, "
            "la puce, le circuit",
            "le citronnier, la rose sauvage, la mousse, le jardin, le lierre, "
            "la coccinelle, le tournesol, la serre",
        ),
        (
            "Je cherche {a} dans tes silences",
            "Et {a} me parle tout bas",
            "Si tu vois {a}, dis-lui que je danse",
            "Entre {a} et {b}, je t'attends encore",
            "Laisse {a} ouvrir le bal",
            "C'était {a}, c'était nous deux",
            "Même {a} connaît ton prénom",
            "On a perdu {a}, on a gardé la chanson",
            "Reste encore, {a} s'endort",
            "Sans toi {a} n'a plus de goût",
            "J'ai dessiné {a} sur ta peau",
            "Pourquoi {a} plutôt que {b}",
        ),
        (
            "sans faire de bruit",
            "comme un dimanche d'été",
            "malgré les orages",
            "au creux de la nuit",
            "pour un dernier refrain",
            "en robe de satin",
            "le cœur en bandoulière",
            "loin des regards",
            "quand Paris s'ennuie",
            "avec trois fois rien",
            "jusqu'à l'aube",
            "et tant pis pour demain",
        ),
        ("{a}", "{a} et {b}", "Sans {a}", "Avant {a}", "Comme {a}"),
    ),
    "portuguese": Language(
        6,
        (
            "a esquina, o último bonde, a laje, o farol vermelho, a calçada, "
            "o viaduto, a praça, o letreiro",
            "a maré, o cais, a jangada, o sal, a onda, o pescador, a concha, "
            "o horizonte",
            "a estrada, o retrovisor, a poeira, o desvio, a bagagem, o caminhão, "
            "a curva, o sertão",
            "a meia-lua, o cometa, a estrela d'alva, o satélite, o trovão, a garoa, "
            "o eclipse, a alvorada",
            "a cozinha, o corredor, a chave, o velho piano, a janela, o espelho, "
            "a rede, o retrato",
            "a neve, o lago gelado, o casaco, a lareira, o frio, a vela, o agasalho, "
            "a neblina",
            "o robô, o sinal, a máquina, a tela azul, a bateria, o código, a antena, "
            "o teclado",
            "o limoeiro, a rosa brava, o musgo, a abelha, o girassol, a horta, "
            "o beija-flor, a trepadeira",
        ),
        (
            "Quando chega {a}, eu canto baixinho",
            "Deixa {a} me levar",
            "Nem {a} nem {b} me fazem voltar",
            "E {a} conhece o meu segredo",
            "Guardei {a} pra te mostrar",
            "Hoje {a} é só saudade",
            "Samba {a}, chora {b}",
            "Me espera onde {a} termina",
            "Tem {a} no teu olhar",
            "Quem inventou {a} nunca amou",
            "Pintei {a} de azul",
            "Cadê {a} que estava aqui",
        ),
        (
            "com o pé no chão",
            "sem hora pra voltar",
            "na batida do pandeiro",
            "feito criança",
            "até o dia clarear",
            "e o peito aperta",
            "devagar, devagarinho",
            "num gole de café",
            "por amor ou teimosia",
            "debaixo do mesmo luar",
            "sorrindo de medo",
            "que nem passarinho",
        ),
        ("{a}", "{a} e {b}", "Depois que {a} passar", "Sem {a}"),
    ),
    "italian": Language(
        3,
        (
            "la piazza, il tram, la vetrina, il lampione, la periferia, il balcone, "
            "la fontana, il portone",
            "la marea, il porto, il faro, la barca, la conchiglia, il gabbiano, "
            "la scogliera, il sale",
            "la strada, il confine, la polvere, il semaforo, la valigia, il deserto, "
            "la curva, il motore",
            "la mezza luna, la cometa, il satellite, la scia, il tuono, la galassia, "
            "il tramonto, la nuvola",
            "la cucina, il corridoio, la chiave, il pianoforte, la finestra, "
            "il ritratto, la soffitta, il tappeto",
            "la neve, il lago ghiacciato, il cappotto, la stufa, la candela, il gelo, "
            "la slitta, il maglione",
            "il robot, il segnale, la macchina, la corrente, la batteria, il codice, "
            "la tastiera, il circuito",
            "il limone, la rosa, il muschio, la siepe, il girasole, la farfalla, "
            "il cancello, la serra",
        ),
        (
            "E {a} non dorme più",
            "Cerco {a}, trovo {b}",
            "Dimmi che {a} ci aspetta ancora",
            "Tra {a} e {b} c'era il tuo nome",
            "Balla piano, {a} ci guarda",
            "Ho lasciato {a} per sentirti cantare",
            "Stasera {a} sembra un film",
            "Resta qui finché {a} si spegne",
            "Perdonami se {a} mi somiglia",
            "Ti regalo {a}, tu dammi {b}",
            "Nemmeno {a} sa mentire così",
            "Ogni estate {a} ritorna",
        ),
        (
            "senza dire niente",
            "con le scarpe in mano",
            "come un bacio rubato",
            "fino a domattina",
            "tra mille bugie",
            "e non fa più male",
            "sotto un cielo di carta",
            "piano piano",
            "per un minuto ancora",
            "con la voce rotta",
            "amore mio",
            "contro ogni previsione",
        ),
        ("{a}", "{a} e {b}", "Oltre {a}", "Quando torna {a}"),
    ),
    "japanese": Language(
        7,
        (
            "終電, 屋上, 交差点, 看板の灯り, 歩道橋, 自動販売機, 路地裏, 高層ビル",
            "灯台, 波打ち際, 潮風, 貝殻, 桟橋, 水平線, 錨, 流木",
            "高速道路, バックミラー, 曲がり角, 砂ぼこり, 給油所, 助手席, 地図, 国境",
            "半月, 彗星, 人工衛星, 一番星, 望遠鏡, 稲妻, 夜明け, 紙飛行機",
            "台所, 合鍵, 古いピアノ, 縁側, 屋根裏, 窓辺, 階段, 写真立て",
            "初雪, 凍った湖, マフラー, 白い息, 暖炉, 手袋, 氷柱, 冬の星座",
            "ロボット, 信号音, 暗証番号, 青い画面, 電池, アンテナ, 回路, 立体映像",
            "檸檬の木, 野ばら, 苔, 温室, 向日葵, 蜜蜂, 蝶々, 果樹園",
        ),
        (
            "{a}だけが知っている",
            "{a}の向こうで君が笑う",
            "さよならの前に{a}を見せて",
            "{a}と{b}のあいだで迷子になる",
            "もう一度だけ{a}まで走ろう",
            "眠れない夜は{a}に話しかける",
            "{a}みたいに光れたらいいのに",
            "明日になれば{a}も歌うでしょう",
            "ねえ、{a}が消えないうちに",
            "ポケットの中に{a}を隠した",
            "{a}より{b}が好きだった",
            "誰も知らない{a}の名前",
        ),
        (
            "涙なんて似合わない",
            "そっと手をつないで",
            "鼓動が追いつけない",
            "約束を忘れたふりで",
            "青春はまだ終わらない",
            "声にならない声で",
            "雨上がりの匂い",
            "裸足のままで",
            "時計の針を止めて",
            "ひとりぼっちの合図",
            "夢の続きを探して",
            "世界でいちばん静かに",
        ),
        ("{a}", "{a}と{b}", "{a}まで", "さよなら{a}", "{a}のうた"),
        comma="、",
    ),
    "korean": Language(
        5,
        (
            "막차, 옥상, 횡단보도, 네온사인, 골목길, 육교, 편의점, 가로등",
            "등대, 파도, 항구, 조개껍데기, 갈매기, 수평선, 닻, 돛단배",
            "고속도로, 갈림길, 백미러, 먼지, 휴게소, 옆자리, 국경, 여행 가방",
            "반달, 혜성, 인공위성, 첫 별, 망원경, 번개, 새벽, 종이비행기",
            "부엌, 열쇠, 낡은 피아노, 골목집, 창문, 다락방, 계단, 사진첩",
            "첫눈, 얼어붙은 호수, 목도리, 겨울밤, 벽난로, 장갑, 고드름, 촛불",
            "로봇, 신호, 비밀번호, 파란 화면, 건전지, 안테나, 회로, 홀로그램",
            "레몬나무, 들장미, 이끼, 온실, 해바라기, 꿀벌, 나비, 과수원",
        ),
        (
            "{a}처럼 너를 기다려",
            "오늘도 {a}에서 만나",
            "{a}만 아는 우리의 비밀",
            "{a}도 {b}도 너를 닮았어",
            "한 번만 더 {a}까지 달려가",
            "잠든 {a} 위로 노래가 흘러",
            "{a}보다 조용한 너의 목소리",
            "말해 줘, {a}도 꿈을 꾸는지",
            "{a}에게 안부를 전해 줘",
            "어제의 {a}, 내일의 {b}",
            "너 없이는 {a}도 낯설어",
            "{a}부터 다시 시작해",
        ),
        (
            "두 눈을 감고",
            "심장이 먼저 대답해",
            "숨이 차오를 때까지",
            "아무 말도 하지 마",
            "거짓말처럼",
            "맨발로 춤추며",
            "끝나지 않을 계절",
            "비 오는 날의 약속",
            "조금만 더 가까이",
            "눈물은 필요 없어",
            "세상이 멈춘 듯이",
            "처음 그날같이",
        ),
        ("{a}", "{a}처럼", "{a}, {b}", "오늘의 {a}", "{a}까지"),
    ),
}

# The language in which most songs of a genre are sung.
HOME_LANGUAGES = {"latin": "spanish", "k-pop": "korean", "j-pop": "japanese"}

HANDLE_FIRST = (
    "velvet",
    "neon",
    "quiet",
    "paper",
    "cosmic",
    "rusty",
    "lunar",
    "sleepy",
    "amber",
    "static",
    "tiny",
    "golden",
    "wandering",
    "pixel",
    "marble",
    "foggy",
    "electric",
    "cinnamon",
    "hollow",
    "silver",
)

HANDLE_LAST = (
    "heron",
    "fox",
    "cassette",
    "harbor",
    "owl",
    "lantern",
    "comet",
    "otter",
    "meadow",
    "engine",
    "piano",
    "moth",
    "orchard",
    "radio",
    "raven",
    "tide",
    "walrus",
    "kite",
    "badger",
    "echo",
    "clover",
)


def handle(number: int) -> str:
    """Return the handle of that number; every number has its own."""
    both = len(HANDLE_FIRST) * len(HANDLE_LAST)
    # 20 and 21 have no common factor, so the pair names every residue once
    name = (
        f"{HANDLE_FIRST[number % len(HANDLE_FIRST)]}"
        f"{'_' if number % 3 == 0 else ''}"
        f"{HANDLE_LAST[number % len(HANDLE_LAST)]}"
    )
    return name if number < both else f"{name}{number // both}"


_GENRE_OF_WORD = {
    word: number
    for number, genre in reversed(tuple(enumerate(GENRES)))
    for word in (genre.name, *genre.synonyms, *(scene[0] for scene in genre.scenes))
}

# The earliest word decides, and of those the longest: "pop punk" is punk.
_ANY_GENRE = re.compile(
    r"(?<![a-z])(?:"
    + "|".join(re.escape(word) for word in sorted(_GENRE_OF_WORD, key=len)[::-1])
    + ")"
)


def genre_and_scene(tags: str | None) -> tuple[int, int]:
    """Guess the genre and the scene of a song from its tags.

    Returns the number of the genre, ``len(GENRES)`` if the tags name none, and the
    number of the scene, -1 if no word of a scene is among the tags.
    """
    text = (tags or "").lower()
    found = _ANY_GENRE.search(text)
    if found is None:
        return len(GENRES), -1
    genre = _GENRE_OF_WORD[found.group()]
    words = [sum(word in text for word in scene) for scene in GENRES[genre].scenes]
    most = max(words)
    return genre, words.index(most) if most else -1
