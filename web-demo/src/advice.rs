//! The shop's advice: articles, each with a brochure to take home.

use crate::language::{Language, Text};

/// One article.
#[derive(Debug)]
pub struct Article {
    /// Its last path segment: `/advies/<slug>`.
    pub slug: &'static str,
    /// Name of its picture.
    pub picture: &'static str,
    /// What the picture shows.
    pub picture_text: Text,
    /// Its headline.
    pub title: Text,
    /// Two sentences under the headline and on cards.
    pub lead: Text,
    /// How long reading takes, in minutes.
    pub minutes: u32,
    /// Its sections: heading and paragraph.
    pub sections: &'static [(Text, Text)],
    /// The brochure at its end.
    pub brochure: Brochure,
    /// Slugs of the products that it speaks of.
    pub products: &'static [&'static str],
}

/// A brochure in PDF, in both languages.
#[derive(Debug)]
pub struct Brochure {
    /// Its file name in each language, under `/downloads/`.
    pub file: Text,
    /// Its title.
    pub title: Text,
    /// What is in it.
    pub line: Text,
}

impl Brochure {
    /// Its address in `language`. The same under every prefix: a download has no page around it.
    #[must_use]
    pub fn href(&self, language: Language) -> String {
        format!("/downloads/{}", self.file.say(language))
    }
}

impl Article {
    /// The article with this slug.
    #[must_use]
    pub fn find(slug: &str) -> Option<&'static Self> {
        ARTICLES.iter().find(|article| article.slug == slug)
    }
}

/// The articles, newest first.
pub const ARTICLES: &[Article] = &[
    Article {
        slug: "regenjas-wassen",
        picture: "advies-wassen",
        picture_text: Text::new(
            "Twee regenjassen druipen uit aan een waslijn",
            "Two raincoats drip dry on a clothes line",
        ),
        title: Text::new("Zo was je een regenjas (en waarom dat moet)", "How to wash a raincoat (and why you should)"),
        lead: Text::new(
            "Een jas die niet meer afparelt is zelden versleten. Meestal is hij vies.",
            "A coat that no longer beads is rarely worn out. Most of the time it is dirty.",
        ),
        minutes: 4,
        sections: &[
            (
                Text::new("Vet en stof trekken water", "Grease and dust draw water"),
                Text::new(
                    "De buitenstof is behandeld zodat druppels blijven liggen. Huidvet, zonnebrand en straatstof leggen daar een laagje overheen. Het water loopt dan niet door de jas, maar blijft er wel in hangen: koud, zwaar en klam.",
                    "The outer fabric is treated so that drops stay on top. Skin grease, sunscreen and street dust cover it. Water then does not get through the coat, but it lingers: cold, heavy and clammy.",
                ),
            ),
            (
                Text::new("Dertig graden, weinig zeep", "Thirty degrees, little soap"),
                Text::new(
                    "Sluit ritsen en knopen, draai de jas niet binnenstebuiten en was hem op 30 graden met een half dopje vloeibaar wasmiddel. Geen wasverzachter: die doet precies wat je niet wilt. Spoel een keer extra.",
                    "Close zips and buttons, leave the right side out and wash at 30 °C with half a cap of liquid detergent. No softener: it does exactly what you do not want. Rinse once more.",
                ),
            ),
            (
                Text::new("Warmte brengt het terug", "Heat brings it back"),
                Text::new(
                    "Hang de jas uit en droog hem daarna twintig minuten op lage stand in de droger, of strijk hem lauw met een doek ertussen. De warmte zet de behandeling weer rechtop. Parelt hij daarna nog niet, dan is het tijd voor een nieuwe laag.",
                    "Hang the coat to drip, then tumble dry low for twenty minutes, or iron it lukewarm with a cloth in between. Heat sets the treatment upright again. If it still does not bead, it is time for a new coating.",
                ),
            ),
        ],
        brochure: Brochure {
            file: Text::new("onderhoud-brochure.pdf", "onderhoud-brochure-en.pdf"),
            title: Text::new("Onderhoud van regenkleding", "Caring for rainwear"),
            line: Text::new(
                "Wassen, drogen, opnieuw waterdicht maken. Twee pagina’s om in de bijkeuken te hangen.",
                "Washing, drying, reproofing. Two pages to pin up in the utility room.",
            ),
        },
        products: &["regenjas-texel", "parka-ameland", "fietsponcho-schier"],
    },
    Article {
        slug: "laarzen-passen",
        picture: "advies-laarzen",
        picture_text: Text::new("Een paar laarzen op een liniaal", "A pair of boots on a ruler"),
        title: Text::new("Laarzen die passen: meet ’s avonds", "Boots that fit: measure in the evening"),
        lead: Text::new(
            "Voeten zijn aan het eind van de dag tot een halve maat groter. Zo meet je ze in vijf minuten.",
            "Feet are up to half a size larger at the end of the day. Here is how to measure them in five minutes.",
        ),
        minutes: 3,
        sections: &[
            (
                Text::new("Papier, potlood, muur", "Paper, pencil, wall"),
                Text::new(
                    "Zet je hiel tegen de muur op een vel papier, met de sok aan die je in de laars draagt. Trek een streep bij je langste teen en meet de afstand. Doe het met beide voeten en neem de langste.",
                    "Put your heel against the wall on a sheet of paper, wearing the sock that goes in the boot. Draw a line at your longest toe and measure. Do both feet and take the longer one.",
                ),
            ),
            (
                Text::new("Tel er een duim bij op", "Add a thumb"),
                Text::new(
                    "In een regenlaars loop je met een laagje lucht om je voet. Reken twaalf millimeter extra: zo komt je teen bij het afdalen van de dijk niet tegen de neus.",
                    "In a rain boot you walk with a layer of air around your foot. Allow twelve millimetres: then your toe does not hit the front when you walk down the dyke.",
                ),
            ),
            (
                Text::new("Vergeet je kuit niet", "Mind your calf"),
                Text::new(
                    "Meet op het breedste punt, met broek. Onze hoge laarzen hebben een gesp die drie centimeter scheelt.",
                    "Measure at the widest point, with trousers. Our tall boots have a buckle that makes three centimetres of difference.",
                ),
            ),
        ],
        brochure: Brochure {
            file: Text::new("laarzen-maatwijzer.pdf", "laarzen-maatwijzer-en.pdf"),
            title: Text::new("Maatwijzer laarzen", "Boot size guide"),
            line: Text::new(
                "Een tabel van centimeters naar maten, voor grote en kleine voeten.",
                "A table from centimetres to sizes, for feet large and small.",
            ),
        },
        products: &["laars-waal", "enkellaars-linge", "kinderlaars-spetter"],
    },
    Article {
        slug: "fietsen-in-de-regen",
        picture: "advies-fietsen",
        picture_text: Text::new(
            "Iemand fietst in een blauwe poncho door de regen",
            "Someone cycles through the rain in a blue cape",
        ),
        title: Text::new("Droog aankomen op de fiets", "Arriving dry by bicycle"),
        lead: Text::new(
            "Nederland telt gemiddeld maar zeven procent regenuren. Met drie gewoontes merk je ook die nauwelijks.",
            "It rains in the Netherlands for only seven per cent of the hours. Three habits, and you hardly notice those.",
        ),
        minutes: 5,
        sections: &[
            (
                Text::new("Kijk vijf minuten vooruit", "Look five minutes ahead"),
                Text::new(
                    "Een bui duurt gemiddeld twintig minuten en trekt met dertig kilometer per uur over. Vaak scheelt een kop koffie een natte broek. De buienradar is op korte termijn bijna altijd goed.",
                    "A shower lasts twenty minutes on average and moves at thirty kilometres an hour. A cup of coffee often saves you a wet pair of trousers. Rain radar is nearly always right in the short term.",
                ),
            ),
            (
                Text::new("Poncho of pak?", "Cape or suit?"),
                Text::new(
                    "Onder een half uur wint de poncho: hij ventileert en je hoeft je schoenen niet uit. Bij veel wind of langere ritten wint een jas met een rugsplit, met een overbroek eronder.",
                    "Under half an hour the cape wins: it breathes and your shoes stay on. In strong wind or on longer rides a coat with a back vent wins, with overtrousers below.",
                ),
            ),
            (
                Text::new("Gezien worden", "Being seen"),
                Text::new(
                    "In de regen zien automobilisten de helft. Oker en rood vallen op tegen nat asfalt; een reflecterende rand doet ’s avonds de rest.",
                    "In the rain drivers see half as much. Ochre and red stand out against wet tarmac; a reflective hem does the rest at night.",
                ),
            ),
        ],
        brochure: Brochure {
            file: Text::new("fietsen-in-de-regen.pdf", "fietsen-in-de-regen-en.pdf"),
            title: Text::new("Fietsen in de regen", "Cycling in the rain"),
            line: Text::new(
                "Paklijst, kledingkeuze per windkracht en een schema voor onderhoud.",
                "A packing list, what to wear at which wind, and a maintenance plan.",
            ),
        },
        products: &["fietsponcho-schier", "rugtas-dijk", "regenjas-texel"],
    },
];
