"""Words that Wikipedias in many languages use for the same things: namespaces, infobox parameters, section titles.

A dump names the namespaces of its own wiki; what is not in a dump stands here. Words are in lower case, with `_` for a
space within a word.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FILE_NAMES = _words(
    """
    file image datei bild fichier archivo imagen ficheiro imagem immagine bestand afbeelding plik grafika fil
    bilde billede tiedosto kuva soubor obrázek súbor obrázok fájl kép dosya resim dosja skeda datoteka slika
    датотека слика файл изображение зображення картинка αρχείο εικόνα קובץ תמונה ملف صورة پرونده تصویر चित्र
    ไฟล์ ภาพ berkas gambar hình tập_tin 文件 图像 圖像 图片 圖片 档案 檔案 ファイル 画像 파일 그림 irudi
    fitxategi fitxer imatge dosiero fișier imagine pilt
    """
)
"""The namespace of files, also by its older names."""

CATEGORY_NAMES = _words(
    """
    category kategorie catégorie categoría categoria categorie kategoria kategori kategória luokka категория
    категорія категорија kategorija κατηγορία קטגוריה تصنيف رده श्रेणी หมวดหมู่ thể_loại 分类 分類 カテゴリ 분류
    kategoriya kategorio kategooria
    """
)
"""The namespace of categories."""

LANGUAGES = _words(
    """
    ab ace ady af als alt am ami an ang ar arc ary arz as ast atj av avk awa ay az azb ba ban bar bat-smg bcl be
    be-tarask be-x-old bg bh bi bjn blk bm bn bo bpy br bs bug bxr ca cbk-zam cdo ce ceb ch chr chy ckb co cr
    crh cs csb cu cv cy da dag de din diq dsb dty dv dz ee el eml en eo es et eu ext fa ff fi fiu-vro fj fo fr
    frp frr fur fy ga gag gan gcr gd gl glk gn gom gor got gu guw gv ha hak haw he hi hif hr hsb ht hu hy hyw ia
    id ie ig ik ilo inh io is it iu ja jam jbo jv ka kaa kab kbd kbp kcg kg ki kk kl km kn ko koi krc ks ksh ku
    kv kw ky la lad lb lbe lez lfn lg li lij lld lmo ln lo lrc lt ltg lv mad mai map-bms mdf mg mhr mi min mk ml
    mn mni mnw mr mrj ms mt mwl my myv mzn na nah nap nb nds nds-nl ne new nia nl nn no nov nqo nrm nso nv ny oc
    olo om or os pa pag pam pap pcd pcm pdc pfl pi pih pl pms pnb pnt ps pt qu rm rmy rn ro roa-rup roa-tara ru
    rue rw sa sah sat sc scn sco sd se sg sh shi shn si simple sk skr sl sm smn sn so sq sr srn ss st stq su sv
    sw szl szy ta tay tcy te tet tg th ti tk tl tn to tpi tr trv ts tt tum tw ty tyv udm ug uk ur uz ve vec vep
    vi vls vo wa war wo wuu xal xh xmf yi yo za zea zh zh-classical zh-cn zh-min-nan zh-tw zh-yue zu
    """
)
"""The prefixes of links to Wikipedias in other languages."""

DISAMBIGUATION = _words(
    """
    dab hndis hndab geodis geodab mil-unit-dis numberdis roaddis schooldis shipindex-dab
    letter-numbercombdisambig tndis mathdab mathematical_disambiguation bio-dab begriffsklärung homonymie
    homonymes désambiguïsation desambiguación desambiguacion desambiguação desambiguació disambigua disambigue
    dp doorverwijspagina ujednoznacznienie неоднозначность многозначность неоднозначност пояснение
    багатозначність razvojna_stran razdvojba вишезначна višeznačna rozcestník rozlišovacia_stránka egyért
    egyértelműsítő_lap täsmennyssivu täsmennys förgrening gren flertydig pekerside flertydig_titel anlam_ayrımı
    αποσαφήνιση פירושונים توضيح ابهام‌زدایی ابهام_زدایی 消歧义 消歧義 消歧义页 消歧義頁 消歧 人名消歧义
    人名消歧義 地名消歧义 地名消歧義 曖昧さ回避 aimai 人名の曖昧さ回避 地名の曖昧さ回避 동음이의 동음이의어_문서
    định_hướng trang_định_hướng apartigilo argipen dezambiguizare täpsustus disambiguasi disambig
    """
)
"""Templates of pages that only tell meanings apart, beside those whose names say so in English."""

PICTURE_KEYS = _words(
    """
    image image1 image_name img imagen picture photo logo logo_image flag image_flag flag_image cover poster
    bild bildname bild1 foto photographie immagine afbeelding grafika zdjęcie kuva obrázek kép resim изображение
    фото картинка снимка зображення εικόνα תמונה صورة تصویر 图像 圖像 图片 圖片 照片 標誌 标志 画像 画像ファイル
    사진 그림 image_skyline
    """
)
"""Parameters of infoboxes that name the picture of what the article is about."""

LOOK_FURTHER = frozenset(
    title.strip()
    for line in """
    references, reference, references and notes, notes and references, notes, footnotes, citations, sources,
    external links, external link, see also, further reading, bibliography and references, works cited,
    general references, related pages, 参考文献, 參考文獻, 参考资料, 參考資料, 外部链接, 外部連結, 外部鏈接,
    外部连接, 参见, 參見, 参看, 參看, 注释, 註釋, 脚注, 腳註, 注解, 註解, 相关条目, 相關條目, 延伸阅读, 延伸閱讀,
    来源, 來源, 資料來源, 资料来源, 備註, 备注, 出典, 関連項目, 外部リンク, 注釈, 각주, 외부 링크, 같이 보기,
    참고 문헌, einzelnachweise, weblinks, literatur, siehe auch, fußnoten, quellen, anmerkungen, références,
    notes et références, liens externes, lien externe, voir aussi, articles connexes, bibliographie, annexes,
    referencias, enlaces externos, véase también, bibliografía, notas, note, collegamenti esterni,
    altri progetti, voci correlate, bibliografia, referências, ligações externas, ver também, bronnen,
    externe links, externe link, zie ook, noten, referenties, przypisy, linki zewnętrzne, zobacz też, примечания,
    ссылки, литература, см. также, источники, примітки, посилання, література, див. також, външни препратки,
    източници, бележки, вижте също, referenser, externa länkar, se även, kaynakça, dış bağlantılar,
    ayrıca bakınız, referensi, pranala luar, lihat pula, المراجع, مراجع, وصلات خارجية, انظر أيضا
    """.splitlines()
    for title in line.split(",")
    if title.strip()
)
"""Titles of sections that only help to look further."""
