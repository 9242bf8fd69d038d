//! What the shop sells.

use crate::language::Text;
use crate::money::Cents;

/// A department of the shop.
#[derive(Debug)]
pub struct Category {
    /// Its last path segment: `/categorie/<slug>`.
    pub slug: &'static str,
    /// Its name.
    pub name: Text,
    /// One or two sentences at the top of its page.
    pub intro: Text,
    /// The product whose picture stands for it.
    pub picture: &'static str,
}

/// One product.
#[derive(Debug)]
pub struct Product {
    /// Its last path segment (`/product/<slug>`) and the name of its picture.
    pub slug: &'static str,
    /// Slug of the category it is in.
    pub category: &'static str,
    /// Its article number, the `item_id` of GA4.
    pub number: &'static str,
    /// Its name.
    pub name: Text,
    /// Its price, taxes included.
    pub price: Cents,
    /// What it comes in; empty when there is nothing to choose.
    pub sizes: &'static [&'static str],
    /// One line for cards and search results.
    pub line: Text,
    /// A paragraph for its page.
    pub story: Text,
    /// Facts, as a list.
    pub facts: &'static [Text],
    /// What its picture shows, for who does not see it.
    pub picture: Text,
}

impl Product {
    /// The product with this slug.
    #[must_use]
    pub fn find(slug: &str) -> Option<&'static Self> {
        PRODUCTS.iter().find(|product| product.slug == slug)
    }

    /// The category it is in.
    #[must_use]
    pub fn department(&self) -> &'static Category {
        CATEGORIES.iter().find(|category| category.slug == self.category).unwrap_or(&CATEGORIES[0])
    }

    /// Others of the same category, at most four.
    #[must_use]
    pub fn related(&self) -> Vec<&'static Self> {
        PRODUCTS.iter().filter(|other| other.category == self.category && other.slug != self.slug).take(4).collect()
    }
}

/// The departments, in the order of the menu.
pub const CATEGORIES: &[Category] = &[
    Category {
        slug: "jassen",
        name: Text::new("Jassen", "Coats"),
        intro: Text::new(
            "Waterdicht tot de laatste naad, en gemaakt om in te bewegen. Elke jas testen we zelf, op de fiets, in november.",
            "Waterproof down to the last seam, and made to move in. We test every coat ourselves, on a bicycle, in November.",
        ),
        picture: "regenjas-texel",
    },
    Category {
        slug: "laarzen",
        name: Text::new("Laarzen", "Boots"),
        intro: Text::new(
            "Natuurrubber dat soepel blijft, een zool die grip houdt op natte klinkers, en een leest waar een wollen sok in past.",
            "Natural rubber that stays supple, a sole that grips wet cobbles, and a last with room for a woollen sock.",
        ),
        picture: "laars-waal",
    },
    Category {
        slug: "onderweg",
        name: Text::new("Onderweg", "On the way"),
        intro: Text::new(
            "Paraplu’s die tegen de wind in mogen en een tas die droog houdt wat droog moet blijven.",
            "Umbrellas that may face the wind, and a bag that keeps dry what has to stay dry.",
        ),
        picture: "stormparaplu-noordwester",
    },
];

const COAT_SIZES: &[&str] = &["XS", "S", "M", "L", "XL"];
const BOOT_SIZES: &[&str] = &["36", "37", "38", "39", "40", "41", "42", "43", "44", "45"];

/// Everything the shop sells, in the order in which pages list it.
pub const PRODUCTS: &[Product] = &[
    Product {
        slug: "regenjas-texel",
        category: "jassen",
        number: "MZ-1001",
        name: Text::new("Regenjas Texel", "Texel raincoat"),
        price: Cents(12_995),
        sizes: COAT_SIZES,
        line: Text::new(
            "De klassieke gele, lang genoeg voor op de fiets",
            "The classic yellow one, long enough for cycling",
        ),
        story: Text::new(
            "De jas waar het mee begon. Een lange regenjas in oker, met een capuchon die meedraait als je over je schouder kijkt en een rugsplit die opengaat zodra je opstapt.",
            "The coat it all began with. A long raincoat in ochre, with a hood that turns along when you look over your shoulder and a back vent that opens the moment you get on your bicycle.",
        ),
        facts: &[
            Text::new("Waterkolom 15.000 mm, alle naden getapet", "Water column 15,000 mm, all seams taped"),
            Text::new(
                "Twee zakken met klep, één binnenzak voor je telefoon",
                "Two flap pockets, one inside pocket for your phone",
            ),
            Text::new("Gemaakt van gerecycled polyester, zonder PFAS", "Made of recycled polyester, free of PFAS"),
        ],
        picture: Text::new(
            "Lange okergele regenjas met capuchon en knopen",
            "Long ochre raincoat with a hood and buttons",
        ),
    },
    Product {
        slug: "parka-ameland",
        category: "jassen",
        number: "MZ-1002",
        name: Text::new("Parka Ameland", "Ameland parka"),
        price: Cents(15_995),
        sizes: COAT_SIZES,
        line: Text::new("Vier zakken, warme voering, mosgroen", "Four pockets, warm lining, moss green"),
        story: Text::new(
            "Voor de dagen dat het niet alleen regent maar ook waait. De voering rits je eruit zodra het lente wordt, en dan heb je er weer een jas bij.",
            "For days when it does not just rain but blows as well. Zip out the lining when spring comes and you have a second coat.",
        ),
        facts: &[
            Text::new("Uitneembare voering van gerecyclede wol", "Removable lining of recycled wool"),
            Text::new("Tweewegrits onder een stormflap", "Two-way zip under a storm flap"),
            Text::new("Waterkolom 20.000 mm", "Water column 20,000 mm"),
        ],
        picture: Text::new("Mosgroene parka met rits en vier zakken", "Moss green parka with a zip and four pockets"),
    },
    Product {
        slug: "fietsponcho-schier",
        category: "jassen",
        number: "MZ-1003",
        name: Text::new("Fietsponcho Schier", "Schier cycling cape"),
        price: Cents(7_995),
        sizes: &["S-M", "L-XL"],
        line: Text::new("Over alles heen, ook over je stuur", "Over everything, handlebars included"),
        story: Text::new(
            "Eén beweging en je zit eronder. De lussen gaan om je duimen of om het stuur, de reflecterende rand ziet het verkeer van ver, en opgevouwen past hij in zijn eigen borstzak.",
            "One move and you are under it. The loops go around your thumbs or your handlebars, the reflective hem is seen from afar, and it folds into its own chest pocket.",
        ),
        facts: &[
            Text::new("Duimlussen en elastiek in de rug", "Thumb loops and an elastic at the back"),
            Text::new("Reflecterende rand rondom", "Reflective hem all around"),
            Text::new("Weegt 390 gram", "Weighs 390 grams"),
        ],
        picture: Text::new("Donkerblauwe fietsponcho met okergele rand", "Dark blue cycling cape with an ochre hem"),
    },
    Product {
        slug: "kinderjas-plas",
        category: "jassen",
        number: "MZ-1004",
        name: Text::new("Kinderjas Plas", "Puddle kids’ coat"),
        price: Cents(5_495),
        sizes: &["98", "104", "110", "116", "122", "128"],
        line: Text::new("Stippen, en een naamlabel in de kraag", "Dots, and a name label in the collar"),
        story: Text::new(
            "Een jas om in te springen. De mouwen groeien een maat mee: de zoom zit met één naad vast die je er zelf uit tornt.",
            "A coat to jump in. The sleeves grow along by one size: the hem is held by a single seam that you unpick yourself.",
        ),
        facts: &[
            Text::new("Afneembare capuchon met drukkers", "Detachable hood with snaps"),
            Text::new("Meegroeimouwen", "Grow-along sleeves"),
            Text::new("Wasbaar op 30 graden", "Washable at 30 °C"),
        ],
        picture: Text::new("Rode kinderregenjas met witte stippen", "Red children’s raincoat with white dots"),
    },
    Product {
        slug: "laars-waal",
        category: "laarzen",
        number: "MZ-2001",
        name: Text::new("Laars Waal", "Waal boot"),
        price: Cents(6_495),
        sizes: BOOT_SIZES,
        line: Text::new("Hoog, soepel, voor dijk en moestuin", "Tall and supple, for dyke and kitchen garden"),
        story: Text::new(
            "Handgelegd natuurrubber, dus zonder harde rand bij de enkel. Met de gesp stel je de schacht af op een broek of juist op een panty.",
            "Hand-laid natural rubber, so no hard edge at the ankle. The buckle fits the shaft to trousers or to tights.",
        ),
        facts: &[
            Text::new("Natuurrubber met katoenen voering", "Natural rubber with a cotton lining"),
            Text::new("Uitneembare kurken binnenzool", "Removable cork insole"),
            Text::new("Schacht 34 cm, kuit 40 cm", "Shaft 34 cm, calf 40 cm"),
        ],
        picture: Text::new("Paar hoge groene regenlaarzen met gesp", "Pair of tall green rain boots with a buckle"),
    },
    Product {
        slug: "enkellaars-linge",
        category: "laarzen",
        number: "MZ-2002",
        name: Text::new("Enkellaars Linge", "Linge ankle boot"),
        price: Cents(5_995),
        sizes: BOOT_SIZES,
        line: Text::new("Chelsea-model, zo aan en zo uit", "Chelsea cut, quick on and quick off"),
        story: Text::new(
            "Een regenlaars die je op kantoor gewoon aanhoudt. Het elastiek aan weerszijden is breed genoeg om zonder handen in te stappen.",
            "A rain boot that you simply keep on at the office. The elastic on both sides is wide enough to step in without hands.",
        ),
        facts: &[
            Text::new("Breed elastiek, treklus aan de hak", "Wide elastic, pull loop at the heel"),
            Text::new("Zool met profiel van 4 mm", "Sole with a 4 mm tread"),
            Text::new("Valt normaal uit", "True to size"),
        ],
        picture: Text::new("Paar okergele enkelhoge regenlaarzen", "Pair of ochre ankle-high rain boots"),
    },
    Product {
        slug: "kinderlaars-spetter",
        category: "laarzen",
        number: "MZ-2003",
        name: Text::new("Kinderlaars Spetter", "Splash kids’ boot"),
        price: Cents(2_995),
        sizes: &["22", "24", "26", "28", "30", "32"],
        line: Text::new("Voor de diepste plas van de straat", "For the deepest puddle in the street"),
        story: Text::new(
            "Licht genoeg om op te rennen en hoog genoeg voor wie niet omloopt. Met een leuning aan de hak, zodat uittrekken lukt zonder hulp.",
            "Light enough to run in and tall enough for those who never walk around. With a ledge at the heel, so that taking them off works without help.",
        ),
        facts: &[
            Text::new("Natuurrubber, zonder weekmakers", "Natural rubber, no plasticisers"),
            Text::new("Reflecterende stip op de hak", "Reflective dot on the heel"),
            Text::new("Past bij kinderjas Plas", "Matches the Puddle coat"),
        ],
        picture: Text::new("Paar rode kinderlaarzen met witte stippen", "Pair of red children’s boots with white dots"),
    },
    Product {
        slug: "tuinklomp-vecht",
        category: "laarzen",
        number: "MZ-2004",
        name: Text::new("Tuinklomp Vecht", "Vecht garden clog"),
        price: Cents(3_495),
        sizes: BOOT_SIZES,
        line: Text::new("Naast de achterdeur, altijd klaar", "By the back door, always ready"),
        story: Text::new(
            "Voor een rondje container, de kippen of de was die nog buiten hangt. Spoel hem af onder de kraan en hij is weer schoon.",
            "For the bins, the chickens, or the laundry that is still outside. Rinse it under the tap and it is clean again.",
        ),
        facts: &[
            Text::new("Eén stuk, geen naden", "One piece, no seams"),
            Text::new("Wasbaar voetbed van kurk", "Washable cork footbed"),
            Text::new("Weegt 240 gram per stuk", "Weighs 240 grams each"),
        ],
        picture: Text::new("Paar lage blauwe tuinklompen", "Pair of low blue garden clogs"),
    },
    Product {
        slug: "stormparaplu-noordwester",
        category: "onderweg",
        number: "MZ-3001",
        name: Text::new("Stormparaplu Noordwester", "Northwester storm umbrella"),
        price: Cents(4_995),
        sizes: &[],
        line: Text::new("Getest tot windkracht 9", "Tested up to wind force 9"),
        story: Text::new(
            "Baleinen van glasvezel die buigen in plaats van breken, en een handvat van beukenhout dat in de hand past. Slaat hij toch om, dan klap je hem gewoon terug.",
            "Fibreglass ribs that bend where others break, and a beech handle that fits the hand. Should it turn inside out, simply flip it back.",
        ),
        facts: &[
            Text::new("Doorsnede 120 cm, plaats voor twee", "120 cm across, room for two"),
            Text::new("Vijf jaar garantie op de baleinen", "Five years of guarantee on the ribs"),
            Text::new("Handvat van Europees beukenhout", "Handle of European beech"),
        ],
        picture: Text::new(
            "Blauw met okergele paraplu met houten handvat",
            "Blue and ochre umbrella with a wooden handle",
        ),
    },
    Product {
        slug: "koepelparaplu-dauw",
        category: "onderweg",
        number: "MZ-3002",
        name: Text::new("Koepelparaplu Dauw", "Dew dome umbrella"),
        price: Cents(3_995),
        sizes: &[],
        line: Text::new("Diep, doorzichtig, rustig", "Deep, see-through, calm"),
        story: Text::new(
            "Je staat er tot je schouders in en ziet toch waar je loopt. Het scherm is van gerecycled folie dat niet vergeelt.",
            "It covers you down to the shoulders and you still see where you walk. The dome is recycled film that does not yellow.",
        ),
        facts: &[
            Text::new("Doorsnede 84 cm, diepte 60 cm", "84 cm across, 60 cm deep"),
            Text::new("Scherm los te vervangen", "Dome can be replaced"),
            Text::new("Sluit met één hand", "Closes with one hand"),
        ],
        picture: Text::new("Doorzichtige koepelparaplu", "See-through dome umbrella"),
    },
    Product {
        slug: "opvouwparaplu-mug",
        category: "onderweg",
        number: "MZ-3003",
        name: Text::new("Opvouwparaplu Mug", "Midge folding umbrella"),
        price: Cents(2_495),
        sizes: &[],
        line: Text::new("23 centimeter, past in elke tas", "23 centimetres, fits any bag"),
        story: Text::new(
            "Klein genoeg om altijd bij je te hebben, en daarom de paraplu die je wél gebruikt. Springt open met één knop.",
            "Small enough to carry always, and so the umbrella that you will actually use. Opens at one press.",
        ),
        facts: &[
            Text::new("Opgevouwen 23 cm, 280 gram", "Folded 23 cm, 280 grams"),
            Text::new("Opent en sluit automatisch", "Opens and closes automatically"),
            Text::new("Hoes van dezelfde stof", "Sleeve of the same fabric"),
        ],
        picture: Text::new("Opgevouwen rode paraplu", "Folded red umbrella"),
    },
    Product {
        slug: "rugtas-dijk",
        category: "onderweg",
        number: "MZ-3004",
        name: Text::new("Rugtas Dijk", "Dyke backpack"),
        price: Cents(8_995),
        sizes: &[],
        line: Text::new("Roltop, 22 liter, droog van binnen", "Roll-top, 22 litres, dry inside"),
        story: Text::new(
            "Drie slagen om de bovenkant en er komt geen druppel in. Met een vak voor een laptop van 15 inch en banden die ook over een dikke jas passen.",
            "Three turns of the top and not a drop gets in. With a sleeve for a 15-inch laptop and straps that fit over a thick coat.",
        ),
        facts: &[
            Text::new("22 liter, gelaste naden", "22 litres, welded seams"),
            Text::new("Laptopvak tot 15 inch", "Laptop sleeve up to 15 inches"),
            Text::new("Reflecterend label op het voorvak", "Reflective label on the front pocket"),
        ],
        picture: Text::new("Okergele roltop-rugtas met blauwe banden", "Ochre roll-top backpack with blue straps"),
    },
];
