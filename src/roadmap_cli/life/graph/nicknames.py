"""Given names that stand for one another: a line is one name in its forms, folded as `names.fold` does.

Compiled by hand from everyday use in English, German, French, Spanish, Italian, Polish, Russian and Indian names; a
form may stand in several lines.
"""

_LINES = """
abigail abby abbie gail
albert al bert bertie
alexander alex aleks sasha xander sandro alec alejandro alessandro aleksandr olek
alexandra alex sasha sandra alexa aleksandra ola
alfred fred alfie freddy
alice ali lissi
amanda mandy
amelia amy millie
andrew andy drew andreas andre andrei andrzej andi
angela angie angelika geli
anna annie anne ann anya anja anka nancy hannah hanna annika ania
anthony tony antonio anton toni antoine
arthur art artie
barbara barb babs bobbie basia babsi
benjamin ben benny benni benji
bernard bernie bernd bernhard
bridget bridie brigitte gitte gitti
carl karl charles charlie chuck carlos carlo kalle
caroline carol carrie lina caro karoline karolina
catherine kate katie cathy kathy kat katherine kathryn katharina kathrin katrin katja kathi kasia ekaterina katarzyna
charlotte lotte charlie lottie
christina christine chris tina christa kristina kerstin krystyna
christopher chris topher kit christoph christof krzysztof kristof
christian chris
claudia claudi
cynthia cindy
daniel dan danny dani danilo
daniela dani dany
david dave davy davide dawid
deborah deb debbie
dennis denny denis
dmitri dmitry dima mitya dmitrij
donald don donny
dorothy dot dottie dorothea doro
edward ed eddie ted ned eduard eduardo edek
eleanor ellie nell nora lena eleonore
elizabeth liz lizzie beth betty eliza elisabeth elisa lisa lisbeth sissi ela elzbieta libby
emily emma em emilia emmy
eric erik erich
eugene gene
eva eve evi
florian flo
francis frank franz fran francesco franky
frances fran francesca franziska franzi fanny
frederick fred freddy fritz friedrich frederik rick
gabriel gabe gabriele
gabriele gabi gaby gabriela
george georg jorge giorgio schorsch jerzy jurek
gerald gerry jerry gerhard gerd
gertrude trudy gerti
giovanni gianni johann john juan jean jan hans ian jonny johnny johannes jack ivan hannes
gregory greg gregor
gunther gunter
harold harry hal
helen helena lena leni helene nell
henry hank harry heinrich heinz henri enrico heiner
ignatius iggy ignacio nacho
irene reni irena
isabel isabella bella izzy belle isa isabelle
jacob jake jakob kuba jakub
james jim jimmy jamie jaime jem
janet jan
jasmine jas yasmin
jeffrey jeff geoff geoffrey
jennifer jen jenny jenni
jeremy jerry jeremias
jessica jess jessie
jonathan jon jonny nathan
jonas joni
joseph joe joey josef sepp jose pepe giuseppe jozef jupp beppe
josephine jo josie josefine fine
joshua josh
judith judy judit
julia jule julie juliana ulla
julian jules
kenneth ken kenny
kimberly kim
lawrence larry laurie lorenz lars laurence
leonard leo len lenny leonhard
leonardo leo
leopold leo poldi
louis lou ludwig luis lui luigi lutz
louise lou luise luisa lulu
lucas luke luca lukas luc lukasz
magdalena magda lena leni madeleine maddie
manuel manu manolo
manuela manu ela
marcus mark marc markus marco marek
margaret maggie peg peggy meg marge rita greta margarete gretel daisy margot malgorzata gosia
maria mary marie mia mitzi molly polly mariam miriam masha marija mizzi
martin marty martino
martha marta patty
matthew matt matthias matze hias matti mateo mateusz matteo
maximilian max maxi
megan meg
melanie mel
michael mike mick mickey mikey michi michel miguel mischa misha michal mikhail michele
michelle shelly
monica moni monika
natalie nat natasha natalia nathalie
natalia natasha
nathaniel nate nathan nat
nicholas nick nicky nico niko klaus nikolaus nicolas nikolai nikola mikolaj niklas
nicole nikki nic
norbert bert
oliver ollie olli olivier
olivia liv livvy
oscar oskar
pamela pam
patricia pat patty tricia trish patti
patrick pat paddy
paul pablo paolo pavel pawel pauli
peter pete pedro pietro pierre piotr petr petja piet
philip phil pip philipp felipe filip phillip
priyanka pri priya
prudence pru
rachel rach rahel
raymond ray raimund
rebecca becky becca becks rebekka
richard rick dick rich ricky richie ricardo
robert rob bob bobby robbie bert roberto
roland rolli
ronald ron ronnie
rudolf rudi rolf
rosemary rosie rose romy
samantha sam sammy
samuel sam sammy
sandra sandy
sarah sara sally sadie
sebastian basti seb bastian
simon si
siegfried sigi siggi
sophia sophie sofia sofie fia
stephanie steph steffi stefanie stefania
stephen steve stefan stevie steven stephan stefano estevan steffen szczepan
susan sue susie suzy susanne susanna sanne susi zuzanna
tatiana tanya tania tanja tatjana
teresa terry tess theresa resi therese
thaddeus tad
theodore ted theo teddy theodor
thomas tom tommy tomas tomasz tomek tommaso
timothy tim timmy timo
tobias tobi toby
ursula uschi ulla
valentina vale tina
vanessa nessa
veronica vera ronnie veronika vroni
victor vic viktor vittorio
victoria vicky vicki tori viktoria
vincent vince vinnie vincenzo
virginia ginny
vladimir vlad volodya wladimir vova
walter walt wally
wilhelm willi will william bill willy liam billy guillermo wim
wolfgang wolf wolfi
yusuf josef joseph youssef
zachary zach zack
mohammed muhammad mohamed mohammad mo muhammed mehmet
ibrahim abraham abe
rajesh raj
rajendra raj raju
vijay vij
krishna krish
"""


def groups() -> dict[str, frozenset[int]]:
    """Which lines each form stands in."""
    found: dict[str, set[int]] = {}
    for number, line in enumerate(_LINES.strip().splitlines()):
        for form in line.split():
            found.setdefault(form, set()).add(number)
    return {form: frozenset(lines) for form, lines in found.items()}


#: Words by which the user calls a relative: what kind, as it stands in the detail of family_of.
FAMILY = {
    "mum": "parent", "mom": "parent", "mummy": "parent", "mommy": "parent", "mama": "parent", "mutti": "parent",
    "mother": "parent", "mutter": "parent", "maman": "parent", "ma": "parent", "amma": "parent",
    "dad": "parent", "daddy": "parent", "papa": "parent", "vati": "parent", "father": "parent", "vater": "parent",
    "appa": "parent", "pa": "parent",
    "grandma": "grandparent", "granny": "grandparent", "nana": "grandparent", "oma": "grandparent",
    "grandpa": "grandparent", "granddad": "grandparent", "opa": "grandparent",
    "sis": "sibling", "sister": "sibling", "schwester": "sibling", "bro": "sibling", "brother": "sibling",
    "bruder": "sibling",
    "aunt": "relative", "auntie": "relative", "aunty": "relative", "tante": "relative", "uncle": "relative",
    "onkel": "relative", "cousin": "relative", "cousine": "relative",
    "wife": "spouse", "husband": "spouse", "hubby": "spouse", "schatz": "spouse",
}  # fmt: skip

#: Types of relation in contacts that make somebody family, by the part of the type that tells.
RELATIVES = {
    "spouse": "spouse", "partner": "spouse", "wife": "spouse", "husband": "spouse", "ehe": "spouse",
    "child": "child", "son": "child", "daughter": "child", "kind": "child", "sohn": "child", "tochter": "child",
    "mother": "parent", "father": "parent", "parent": "parent", "mutter": "parent", "vater": "parent",
    "brother": "sibling", "sister": "sibling", "sibling": "sibling", "bruder": "sibling", "schwester": "sibling",
    "grand": "grandparent", "aunt": "relative", "uncle": "relative", "cousin": "relative", "kin": "relative",
    "relative": "relative", "nephew": "relative", "niece": "relative", "in-law": "relative",
}  # fmt: skip

_COMMON_FAMILY_NAMES_TEXT = """
    smith johnson williams brown jones garcia miller davis rodriguez martinez hernandez lopez wilson anderson
    thomas taylor moore jackson martin lee thompson white harris clark lewis robinson walker young king wright
    hill green muller schmidt schneider fischer meyer weber schulz wagner becker hoffmann schafer koch bauer
    richter klein wolf schroder neumann schwarz zimmermann braun kruger hofmann hartmann lange werner krause maier
    kumar singh sharma patel gupta khan das reddy rao wang li zhang liu chen yang huang zhao wu zhou kim park
    nguyen tran silva santos ferreira rossi russo ferrari nowak kowalski ivanov petrov yilmaz kaya
"""
#: Family names so frequent that two people of the same full name are no rarity (English, German, Indian, Chinese …).
COMMON_FAMILY_NAMES = frozenset(_COMMON_FAMILY_NAMES_TEXT.split())
