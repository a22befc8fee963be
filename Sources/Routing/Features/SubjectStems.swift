/// Recognises a text's subject by the first five letters of its words.
///
/// Written down from what the subjects are about, not fitted to any data set. Words of the same family share a stem
/// ("economy", "economics"); a stem may belong to several subjects.
struct SubjectStems: Sendable {
  static let shared = SubjectStems()

  /// Letters of a stem.
  static let length = 5

  /// The subjects, each with its stems. Their order is part of the predictor's format.
  static let subjects: [(name: String, stems: String)] = [
    (
      "medicine",
      "patie disea sympt diagn treat blood infec clini surge vacci tumor cance renal pulmo cardi hormo acute "
        + "chron physi nurse hospi arter nerve muscl fever"
    ),
    (
      "biology",
      "cells cellu prote enzym genet genes chrom membr organ speci evolu bacte virus plant trait repro anima "
        + "mutat popul photo"
    ),
    ("chemistry", "molec react acidi compo solut oxida elect ionic catio atoms atomi equil metal hydro carbo bonds"),
    ("physics", "veloc accel force magne energ momen wavel charg circu volta frict gravi light speed temper therm"),
    (
      "mathematics",
      "equat integ deriv polyn matri vecto funct group prime subse theor graph proba numbe squar angle "
        + "trian sum tripl multi divis remai"
    ),
    ("statistics", "sampl regre varia hypot signi corre distr estim confi rando mean media devia"),
    ("computing", "algor compu progr memor proce netwo crypt passw attac softw binar encry serve datab inter learn"),
    (
      "law",
      "court plain defen contr statu liabi const negli juris evide convi murde prope trial owner state clause "
        + "amend clerk crime crimi lawsu buyer selle"
    ),
    ("history", "empir centu revol colon soldi emper slave dynas peasa kingd weste europ ancie archa perio excer"),
    ("politics", "gover polit presi congr democ elect parti legis feder secur natio treat polic repub state"),
    (
      "economics",
      "price marke deman suppl infla monet unemp elast taxes taxat inter curre trade goods consu produ aggre"
    ),
    ("business", "compa manag emplo accou asset incom inves depre audit custo brand sales budge busin finan capit"),
    ("psychology", "behav cogni psych thera stimu anxie child paren memor emoti perso devel couns stude learn respo"),
    ("philosophy", "moral argum utili philo premi belie knowl ethic virtu wrong logic concl aristo reason duty truth"),
    ("religion", "chris islam buddh hindu relig jewis templ praye bible qur'a sacre churc"),
    ("nature", "plane solar earth orbit galax stars ocean clima count regio conti mount river atmos"),
    ("health", "sexua aging older nutri vitam diets obesi healt exerc food protei intak adult age elder"),
    ("trade of everyday", "dolla money store bough sells sold hours minut weeks total times twice apple cooki books"),
  ]

  /// For each stem, a bit for each of its subjects.
  private var table = WordTable(slotCount: 1024, unknown: UInt32(0))

  private init() {
    for (bit, subject) in Self.subjects.enumerated() {
      for word in subject.stems.split(separator: " ") where word.utf8.count >= Self.length {
        table.amend(stableHash(String(word.prefix(Self.length)))) { $0 |= 1 << UInt32(bit) }
      }
    }
  }

  /// Lends the stems to one scan: the subjects of a word whose first five letters have a hash, a bit each.
  @inline(__always)
  func withStems(_ body: (WordTable<UInt32>.Loan) -> Void) { table.withLoan(body) }
}
